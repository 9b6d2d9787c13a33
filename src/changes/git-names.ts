import type { BytePath } from "../model/tree.ts";

const shortEscapes: Readonly<Record<string, string>> = {
  "\x07": "\\a",
  "\b": "\\b",
  "\t": "\\t",
  "\n": "\\n",
  "\v": "\\v",
  "\f": "\\f",
  "\r": "\\r",
  '"': '\\"',
  "\\": "\\\\",
};
const unescapes: Readonly<Record<string, string>> = Object.fromEntries(
  Object.entries(shortEscapes).map(([byte, escaped]) => [escaped.slice(1), byte]),
);
const quotedBytes = /[\x00-\x1f"\\\x7f-\xff]/g;

/** A path as git writes it with core.quotePath: bare where that is unambiguous, else like a string of C. */
export function quoteName(path: BytePath): string {
  const escaped = path.replace(
    quotedBytes,
    (byte) => shortEscapes[byte] ?? `\\${byte.charCodeAt(0).toString(8).padStart(3, "0")}`,
  );
  return escaped === path ? path : `"${escaped}"`;
}

export interface UnquotedName {
  readonly name: BytePath;
  /** Characters of the quoted form, with both quotes. */
  readonly length: number;
}

/** The name behind the quoted form that `text` begins with, or undefined when that form is broken. */
export function unquoteName(text: string): UnquotedName | undefined {
  const quoted = /^"((?:[^"\\]|\\.)*)"/s.exec(text);
  if (quoted?.[1] === undefined) return undefined;
  let isBroken = false;
  const name = quoted[1].replace(
    /\\(?:([0-3][0-7]{2})|(.))/gs,
    (_, octal: string | undefined, letter: string | undefined) => {
      if (octal !== undefined) return String.fromCharCode(Number.parseInt(octal, 8));
      const byte = unescapes[letter ?? ""];
      if (byte === undefined) isBroken = true;
      return byte ?? "";
    },
  );
  return isBroken ? undefined : { name, length: quoted[0].length };
}
