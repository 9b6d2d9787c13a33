import { isUtf8 } from "node:buffer";
import { visibleText } from "./text.ts";
import type { BytePath } from "./tree.ts";

/** What Linux and the protocol allow. */
export const pathLimits = { bytesMax: 4095, componentBytesMax: 255, componentsMax: 1000 } as const;

export function fromUtf8(text: string): BytePath {
  return Buffer.from(text, "utf8").toString("latin1");
}

export function fromBuffer(bytes: Buffer): BytePath {
  return bytes.toString("latin1");
}

export function toBuffer(path: BytePath): Buffer {
  return Buffer.from(path, "latin1");
}

/** The path as text, or undefined when its bytes are not UTF-8. */
export function toUtf8(path: BytePath): string | undefined {
  if (isAscii(path)) return path;
  const bytes = toBuffer(path);
  return isUtf8(bytes) ? bytes.toString("utf8") : undefined;
}

/** The path for people: foreign bytes and everything that could drive a terminal made visible. */
export function displayPath(path: BytePath, lengthMax = 200): string {
  if (path === "") return ".";
  const text = toUtf8(path) ?? path.replace(/[\u0080-\u00ff]/g, escapeByte);
  return visibleText(text, lengthMax);
}

/** The rule that `path` breaks, or undefined when it is a plain relative path; the empty one is. */
export function checkRelativePath(path: BytePath): string | undefined {
  if (path === "") return undefined;
  if (path.length > pathLimits.bytesMax) return `it is longer than ${pathLimits.bytesMax} bytes`;
  if (path.includes("\0")) return "it has a NUL";
  if (path.startsWith("/")) return "it is absolute";
  return checkComponents(path);
}

function checkComponents(path: BytePath): string | undefined {
  let components = 0;
  for (let start = 0; start <= path.length; components++) {
    const slash = path.indexOf("/", start);
    const end = slash < 0 ? path.length : slash;
    const broken = checkName(path, start, end);
    if (broken !== undefined) return broken;
    start = end + 1;
  }
  return components > pathLimits.componentsMax
    ? `it has more than ${pathLimits.componentsMax} components`
    : undefined;
}

function checkName(path: BytePath, start: number, end: number): string | undefined {
  const length = end - start;
  if (length === 0) return "it has an empty component";
  if (length > pathLimits.componentBytesMax)
    return `it has a component of more than ${pathLimits.componentBytesMax} bytes`;
  if (length === 1 && path[start] === ".") return "it has a . component";
  if (length === 2 && path.startsWith("..", start)) return "it has a .. component";
  return undefined;
}

export function joinPath(directory: BytePath, name: BytePath): BytePath {
  return directory === "" ? name : `${directory}/${name}`;
}

/** The directory that holds `path`; empty for what lies in the tree itself. */
export function parentPath(path: BytePath): BytePath {
  const slash = path.lastIndexOf("/");
  return slash < 0 ? "" : path.slice(0, slash);
}

/** The last component of `path`. */
export function baseName(path: BytePath): BytePath {
  return path.slice(path.lastIndexOf("/") + 1);
}

function isAscii(path: BytePath): boolean {
  return !/[\u0080-\u00ff]/.test(path);
}

function escapeByte(character: string): string {
  return `\\x${character.charCodeAt(0).toString(16)}`;
}
