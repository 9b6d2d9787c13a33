import type { PatchCursor } from "./patch-cursor.ts";
import { withoutTerminator } from "./patch-cursor.ts";
import { malformed, refused } from "./patch-errors.ts";
import { type HunkLine, type LineCounts, patchLimits } from "./patch-model.ts";

/** Where the parser is, and what it may still take. */
export interface ParseState {
  readonly cursor: PatchCursor;
  series: number;
  hunkLinesLeft: number;
  binaryBytesLeft: number;
}

/** The lines of a hunk by what its header counts; undefined when the text there is another. */
export function takeCountedLines(
  state: ParseState,
  { old, new: now }: LineCounts,
): HunkLine[] | undefined {
  const lines: HunkLine[] = [];
  let [oldLeft, newLeft] = [old, now];
  while (oldLeft > 0 || newLeft > 0) {
    const line = takeHunkLine(state);
    if (line === undefined) return undefined;
    if (line.sign !== "+") oldLeft -= 1;
    if (line.sign !== "-") newLeft -= 1;
    if (oldLeft < 0 || newLeft < 0) return undefined;
    lines.push(line);
  }
  return lines;
}

/** All lines from here on that a hunk may have; empty ones at their end, which separate it from what follows, are left out. */
export function takeAllLines(state: ParseState): HunkLine[] {
  const lines: HunkLine[] = [];
  let length = 0;
  while (!isFileHeader(state.cursor) && !isSignature(state.cursor, { mayEnd: false })) {
    const isEmpty = isEmptyLine(state.cursor.peek());
    const line = takeHunkLine(state);
    if (line === undefined) break;
    lines.push(line);
    if (!isEmpty) length = lines.length;
  }
  return lines.slice(0, length);
}

/** Whether an added or removed line follows, perhaps after lines of context: more of a hunk than its header counts. */
export function hunkGoesOn(cursor: PatchCursor): boolean {
  const mark = cursor.mark();
  skipContext(cursor);
  const goesOn = isStrayChange(cursor);
  cursor.returnTo(mark);
  return goesOn;
}

/** Leaves lines of context that no header counts: they change nothing. */
export function skipContext(cursor: PatchCursor): void {
  while (cursor.startsWith(" ") || isEmptyLine(cursor.peek())) cursor.advance();
}

/** Whether the next line is one that a hunk adds or removes, and nothing else. */
export function isStrayChange(cursor: PatchCursor): boolean {
  return isChangedLine(cursor) && !isFileHeader(cursor) && !isSignature(cursor, { mayEnd: true });
}

export function isChangedLine(cursor: PatchCursor): boolean {
  return cursor.startsWith("+") || cursor.startsWith("-");
}

/** `--- NAME`, `+++ NAME` and a hunk. Two lines alone may be a removed and an added one. */
function isFileHeader(cursor: PatchCursor): boolean {
  if (!cursor.startsWith("--- ", "+++ ")) return false;
  const mark = cursor.mark();
  cursor.advance();
  cursor.advance();
  const isHeader = cursor.startsWith("@@");
  cursor.returnTo(mark);
  return isHeader;
}

/** The line `-- ` that begins the signature of a mail: what comes after it is no line of a hunk. */
function isSignature(cursor: PatchCursor, { mayEnd }: { mayEnd: boolean }): boolean {
  if (!cursor.startsWith("--")) return false;
  const { text } = withoutTerminator(cursor.peek() ?? "");
  if (text !== "-- " && text !== "--") return false;
  const mark = cursor.mark();
  cursor.advance();
  // Where the hunk is complete already, empty lines say nothing.
  while (mayEnd && text === "-- " && isEmptyLine(cursor.peek())) cursor.advance();
  const next = cursor.peek();
  cursor.returnTo(mark);
  if (next === undefined) return mayEnd && text === "-- ";
  return !isEmptyLine(next) && !/^[-+ \\]/.test(next);
}

function isEmptyLine(line: string | undefined): boolean {
  return line === "\n" || line === "\r\n";
}

/** The next line of a hunk, undefined when the next line is none. */
export function takeHunkLine(state: ParseState): HunkLine | undefined {
  const { cursor } = state;
  const line = cursor.peek();
  if (line === undefined) return undefined;
  const sign = line[0];
  const isEmpty = isEmptyLine(line);
  if (!isEmpty && sign !== " " && sign !== "-" && sign !== "+") return undefined;
  state.hunkLinesLeft -= 1;
  if (state.hunkLinesLeft < 0)
    throw refused(`The patch has more than ${patchLimits.hunkLines} lines in its hunks`);
  cursor.advance();
  // Mailers cut trailing blanks, and with them the sign of an empty context line.
  if (isEmpty) return dropNewlineWhenTold(cursor, { sign: " ", text: line });
  const text = line.endsWith("\n") ? line.slice(1) : `${line.slice(1)}\n`;
  return dropNewlineWhenTold(cursor, { sign: sign as HunkLine["sign"], text });
}

/** Takes the marker "\ No newline at end of file" (in any language) that belongs to `line`. */
function dropNewlineWhenTold(cursor: PatchCursor, line: HunkLine): HunkLine {
  if (!cursor.startsWith("\\ ")) return line;
  cursor.advance();
  return { sign: line.sign, text: line.text.slice(0, -1) };
}

export function countLines(lines: readonly HunkLine[]): LineCounts {
  const without = (sign: HunkLine["sign"]): number =>
    lines.filter((line) => line.sign !== sign).length;
  return { old: without("+"), new: without("-") };
}

/** Only the last line of each side may lack its end, and something must change. */
export function requireSound(lines: readonly HunkLine[], lineNumber: number): void {
  for (const sign of ["-", "+"]) {
    const side = lines.filter((line) => line.sign === sign || line.sign === " ");
    if (side.slice(0, -1).some(({ text }) => !text.endsWith("\n")))
      throw malformed(lineNumber, "a line without newline in the middle of a hunk");
  }
  if (lines.every(({ sign }) => sign === " "))
    throw malformed(lineNumber, "a hunk that changes nothing");
}

export function withoutCr({ sign, text }: HunkLine): HunkLine {
  const bare = withoutTerminator(text).text;
  return { sign, text: text.endsWith("\n") ? `${bare}\n` : bare };
}
