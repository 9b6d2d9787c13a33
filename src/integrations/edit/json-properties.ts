import { createScanner, type Node } from "jsonc-parser";
import { lineBreakOf } from "./editor.ts";

// The scanner's kinds of tokens; its own names for them exist for TypeScript alone.
const token = { comma: 5, lineComment: 12, blockComment: 13, lineBreak: 14, space: 15 } as const;

const trivia: readonly number[] = [token.lineComment, token.blockComment, token.space];

// What `insertProperty` adds, `removeProperty` takes away to the byte.

/** Absent: on one line. */
export interface Layout {
  readonly unit: string;
  readonly indent: string;
  readonly lineBreak: string;
}

export function valueText(value: unknown, layout?: Layout): string {
  if (layout === undefined) return JSON.stringify(value);
  return JSON.stringify(value, null, layout.unit)
    .split("\n")
    .join(layout.lineBreak + layout.indent);
}

/** `text` with one more property at the end of `object`, laid out as its neighbours are. */
export function insertProperty(
  text: string,
  object: Node,
  { key, value }: { readonly key: string; readonly value: unknown },
): string {
  const lineBreak = lineBreakOf(text);
  const unit = indentUnit(text);
  const property = (layout?: Layout) =>
    `${JSON.stringify(key)}:${layout || /":\s/.test(text) ? " " : ""}${valueText(value, layout)}`;
  const last = object.children?.at(-1);
  if (last === undefined) {
    const outer = indentAt(text, object.offset);
    const indent = outer + unit;
    const inside = lineBreak + indent + property({ unit, indent, lineBreak }) + lineBreak + outer;
    return insert(text, object.offset + 1, inside);
  }
  const lastEnd = last.offset + last.length;
  const comma = nextComma(text, lastEnd);
  if (!isOnOwnLine(text, last.offset)) {
    const inside = property();
    return comma === undefined
      ? insert(text, lastEnd, `, ${inside}`)
      : insert(text, comma + 1, ` ${inside},`);
  }
  const indent = indentAt(text, last.offset);
  const line = lineBreak + indent + property({ unit, indent, lineBreak });
  if (comma !== undefined) {
    const at = endOfLine(text, comma + 1);
    return insert(text, at, `${line},`);
  }
  const at = endOfLine(text, lastEnd);
  return insert(insert(text, at, line), lastEnd, ",");
}

/** `text` without `property`, its line, and the comma that only it needed. */
export function removeProperty(text: string, property: Node): string {
  const siblings = property.parent?.children ?? [];
  const previous = siblings[siblings.indexOf(property) - 1];
  const end = property.offset + property.length;
  const start = startWithSpace(text, property.offset);
  const comma = nextComma(text, end);
  if (comma !== undefined) return cut(text, start, comma + 1);
  if (previous !== undefined) {
    const separator = nextComma(text, previous.offset + previous.length);
    const without = cut(text, start, end);
    return separator === undefined ? without : cut(without, separator, separator + 1);
  }
  const open = property.parent?.offset ?? 0;
  const closing = lineBreakOf(text) + indentAt(text, open);
  const takesClosing =
    start === open + 1 && start !== property.offset && text.startsWith(closing, end);
  return cut(text, start, takesClosing ? end + closing.length : end);
}

function insert(text: string, at: number, inserted: string): string {
  return text.slice(0, at) + inserted + text.slice(at);
}

function cut(text: string, start: number, end: number): string {
  return text.slice(0, start) + text.slice(end);
}

/** Where the comma is that comes next after `from`, if one does. */
function nextComma(text: string, from: number): number | undefined {
  const scanner = createScanner(text, true);
  scanner.setPosition(from);
  return Number(scanner.scan()) === token.comma ? scanner.getTokenOffset() : undefined;
}

/** The end of the line at `from`, if nothing but comments follows on it; else `from`. */
function endOfLine(text: string, from: number): number {
  const scanner = createScanner(text, false);
  scanner.setPosition(from);
  let kind: number;
  do kind = scanner.scan();
  while (trivia.includes(kind));
  return kind === token.lineBreak ? scanner.getTokenOffset() : from;
}

/** Where what belongs to the property at `offset` begins: its line, or one space. */
function startWithSpace(text: string, offset: number): number {
  const before = text.slice(0, offset);
  const line = /\r?\n[ \t]*$/.exec(before);
  if (line !== null) return line.index;
  return before.endsWith(" ") ? offset - 1 : offset;
}

function isOnOwnLine(text: string, offset: number): boolean {
  return /\n[ \t]*$/.test(text.slice(0, offset));
}

/** The white space that the line of `offset` begins with. */
function indentAt(text: string, offset: number): string {
  const lineStart = text.lastIndexOf("\n", offset - 1) + 1;
  return /^[ \t]*/.exec(text.slice(lineStart, offset))?.[0] ?? "";
}

/** What one level is indented by: what the first indented property has. */
function indentUnit(text: string): string {
  return /\{[^\n"]*\n([ \t]+)"/.exec(text)?.[1] ?? "  ";
}
