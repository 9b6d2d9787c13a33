import {
  findNodeAtLocation,
  getNodeValue,
  type Node,
  type ParseError,
  parseTree,
  printParseErrorCode,
} from "jsonc-parser";
import { type Editor, lineBreakOf, meansTheSame, SyntaxTrouble } from "./editor.ts";
import { insertProperty, removeProperty, valueText } from "./json-properties.ts";

/** JSON as it is, or with the comments and trailing commas of JSONC. */
export function jsonEditor(dialect: "json" | "jsonc"): Editor {
  const read = (text: string) => readObject(text, dialect);
  return {
    parse: (text, keyPath = []) => {
      const root = read(text);
      refuseTwins(text, root, keyPath);
      return root === undefined ? {} : getNodeValue(root);
    },
    write: (text, keyPath, entry) => {
      const root = read(text);
      if (root === undefined) return newDocument(text, keyPath, entry);
      const found = findNodeAtLocation(root, [...keyPath]);
      if (found === undefined) return insertAt(text, root, { keyPath, entry });
      if (found.type !== "object") return replaceNode(text, found, entry);
      return matchFields(text, { keyPath, entry }, read);
    },
    remove: (text, keyPath) => removeAt(text, keyPath, read),
  };
}

type Read = (text: string) => Node | undefined;

interface PlacedEntry {
  readonly keyPath: readonly string[];
  readonly entry: Readonly<Record<string, unknown>>;
}

/** The object that `text` holds; undefined when it holds nothing but white space and comments. */
function readObject(text: string, dialect: "json" | "jsonc"): Node | undefined {
  const errors: ParseError[] = [];
  const isJsonc = dialect === "jsonc";
  const root = parseTree(text, errors, {
    allowTrailingComma: isJsonc,
    disallowComments: !isJsonc,
    allowEmptyContent: true,
  });
  const [error] = errors;
  if (error !== undefined)
    throw new SyntaxTrouble(words(printParseErrorCode(error.error)), lineAt(text, error.offset));
  if (root !== undefined && root.type !== "object")
    throw new SyntaxTrouble("is not an object", lineAt(text, root.offset));
  return root;
}

function refuseTwins(text: string, root: Node | undefined, keyPath: readonly string[]): void {
  let object = root;
  for (const key of keyPath) {
    const named = (object?.type === "object" ? (object.children ?? []) : []).filter(
      ({ children }) => children?.[0]?.value === key,
    );
    const lines = named.map(({ offset }) => lineAt(text, offset));
    if (lines.length > 1)
      throw new SyntaxTrouble(
        `"${key}" stands there ${lines.length} times, in the lines ${lines.join(" and ")}; leave one`,
        lines[1] ?? 1,
      );
    object = named[0]?.children?.[1];
  }
}

function newDocument(text: string, keyPath: readonly string[], entry: unknown): string {
  const lineBreak = lineBreakOf(text);
  const start = text === "" || text.endsWith("\n") ? text : text + lineBreak;
  return start + valueText(nest(keyPath, entry), { unit: "  ", indent: "", lineBreak }) + lineBreak;
}

/** Adds the entry to the deepest of its parents that is there. */
function insertAt(text: string, root: Node, { keyPath, entry }: PlacedEntry): string {
  let depth = keyPath.length - 1;
  let parent: Node | undefined;
  while (parent === undefined && depth >= 0) {
    parent = depth === 0 ? root : findNodeAtLocation(root, keyPath.slice(0, depth));
    if (parent === undefined) depth -= 1;
  }
  const key = keyPath[depth] ?? "";
  if (parent?.type !== "object")
    throw new SyntaxTrouble(
      `"${keyPath.slice(0, depth).join(".")}" is not an object`,
      lineAt(text, parent?.offset ?? 0),
    );
  return insertProperty(text, parent, { key, value: nest(keyPath.slice(depth + 1), entry) });
}

function matchFields(text: string, { keyPath, entry }: PlacedEntry, read: Read): string {
  const old = getNodeValue(nodeAt(read(text), keyPath));
  let result = text;
  for (const key of Object.keys(old)) if (!(key in entry)) result = without(result, key);
  for (const [key, value] of Object.entries(entry)) {
    if (Object.hasOwn(old, key) && meansTheSame(old[key], value)) continue;
    const object = nodeAt(read(result), keyPath);
    result = Object.hasOwn(old, key)
      ? replaceNode(result, nodeAt(object, [key]), value)
      : insertProperty(result, object, { key, value });
  }
  return result;

  function without(from: string, key: string): string {
    const property = nodeAt(read(from), [...keyPath, key]).parent;
    return property === undefined ? from : removeProperty(from, property);
  }
}

function replaceNode(text: string, node: Node, value: unknown): string {
  return (
    text.slice(0, node.offset) +
    valueText(value, styleAt(text, node)) +
    text.slice(node.offset + node.length)
  );
}

/** A replaced value is laid out as the one before was. */
function styleAt(text: string, node: Node): Parameters<typeof valueText>[1] {
  const old = text.slice(node.offset, node.offset + node.length);
  const lineBreak = lineBreakOf(text);
  if (!old.includes("\n")) return undefined;
  const line = text.slice(0, node.offset).split("\n").at(-1) ?? "";
  const indent = /^[ \t]*/.exec(line)?.[0] ?? "";
  const inner = /\n([ \t]*)/.exec(old)?.[1] ?? "";
  const unit = inner.startsWith(indent) ? inner.slice(indent.length) : "";
  return { unit: unit || "  ", indent, lineBreak };
}

function removeAt(text: string, keyPath: readonly string[], read: Read): string {
  const property = findNodeAtLocation(nodeAt(read(text), []), [...keyPath])?.parent;
  if (property === undefined) return text;
  const result = removeProperty(text, property);
  const parentPath = keyPath.slice(0, -1);
  if (parentPath.length === 0) return result;
  const parent = nodeAt(read(result), parentPath);
  const inside = result.slice(parent.offset + 1, parent.offset + parent.length - 1);
  return parent.type === "object" && inside.trim() === ""
    ? removeAt(result, parentPath, read)
    : result;
}

function nodeAt(root: Node | undefined, path: readonly string[]): Node {
  const node = root === undefined || path.length === 0 ? root : findNodeAtLocation(root, [...path]);
  if (node === undefined) throw new TypeError(`nothing at ${path.join(".")}`);
  return node;
}

function nest(keyPath: readonly string[], value: unknown): unknown {
  return keyPath.reduceRight<unknown>((inner, key) => ({ [key]: inner }), value);
}

function lineAt(text: string, offset: number): number {
  return text.slice(0, offset).split("\n").length;
}

/** `PropertyNameExpected` as `property name expected`. */
function words(code: string): string {
  return code
    .replace(/([A-Z])/g, " $1")
    .trim()
    .toLowerCase();
}
