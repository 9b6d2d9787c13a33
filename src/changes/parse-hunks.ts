import { type PatchCursor, withoutTerminator } from "./patch-cursor.ts";
import { malformed, quoteBytes, refused } from "./patch-errors.ts";
import { type Hunk, type HunkLine, patchLimits } from "./patch-model.ts";

/** Where the parser is, and what it may still take. */
export interface ParseState {
  readonly cursor: PatchCursor;
  series: number;
  hunkLinesLeft: number;
  binaryBytesLeft: number;
}

const headerPattern = /^@@ -(\d{1,9})(?:,(\d{1,9}))? \+(\d{1,9})(?:,(\d{1,9}))? @@/;

export function isHunkHeader(line: string): boolean {
  return headerPattern.test(line);
}

/** The hunks from here on; none is an answer. A header that ends in CR says that all lines got one on the way. */
export function parseHunks(state: ParseState, headerHadCr = false): Hunk[] {
  const hunks: Hunk[] = [];
  while (state.cursor.startsWith("@@ -")) hunks.push(parseHunk(state, headerHadCr));
  return hunks;
}

function parseHunk(state: ParseState, headerHadCr: boolean): Hunk {
  const { cursor } = state;
  const { lineNumber } = cursor;
  const header = cursor.take() ?? "";
  const match = headerPattern.exec(header);
  if (match === null) throw malformed(lineNumber, `a broken hunk header ${quoteBytes(header)}`);
  const [oldStart, oldCount, newStart, newCount] = [
    Number(match[1]),
    Number(match[2] ?? 1),
    Number(match[3]),
    Number(match[4] ?? 1),
  ];
  if ((oldStart === 0 && oldCount > 0) || (newStart === 0 && newCount > 0))
    throw malformed(lineNumber, "a hunk header that counts lines from 0");
  if (oldCount + newCount === 0) throw malformed(lineNumber, "an empty hunk");
  const lines = parseHunkLines(state, { oldCount, newCount });
  if (lines.every(({ sign }) => sign === " "))
    throw malformed(lineNumber, "a hunk that changes nothing");
  const stripped = headerHadCr ? lines.map(withoutCr) : lines;
  return { lineNumber, oldStart, oldCount, newStart, newCount, lines: stripped };
}

function parseHunkLines(
  state: ParseState,
  { oldCount, newCount }: { oldCount: number; newCount: number },
): HunkLine[] {
  const { cursor } = state;
  const lines: HunkLine[] = [];
  let [oldLeft, newLeft] = [oldCount, newCount];
  while (oldLeft > 0 || newLeft > 0) {
    const line = takeHunkLine(state, oldLeft + newLeft);
    if (line.sign !== "+") oldLeft -= 1;
    if (line.sign !== "-") newLeft -= 1;
    if (oldLeft < 0 || newLeft < 0)
      throw malformed(cursor.lineNumber - 1, "more lines than the header of the hunk promises");
    lines.push(dropNewlineWhenTold(cursor, line));
  }
  requireWholeLines(lines, cursor.lineNumber);
  return lines;
}

function takeHunkLine(state: ParseState, missing: number): HunkLine {
  const { cursor } = state;
  const { lineNumber } = cursor;
  state.hunkLinesLeft -= 1;
  if (state.hunkLinesLeft < 0)
    throw refused(`The patch has more than ${patchLimits.hunkLines} lines in its hunks`);
  const line = cursor.take();
  if (line === undefined)
    throw malformed(lineNumber, `the patch ends inside a hunk, ${missing} lines early`);
  const sign = line[0];
  // Mailers cut trailing blanks, and with them the sign of an empty context line.
  if (line === "\n" || line === "\r\n") return { sign: " ", text: line };
  if (sign === " " || sign === "-" || sign === "+")
    return { sign, text: line.endsWith("\n") ? line.slice(1) : `${line.slice(1)}\n` };
  throw malformed(
    lineNumber,
    `${quoteBytes(line)} inside a hunk that still lacks ${missing} lines`,
  );
}

/** Takes the marker "\ No newline at end of file" (in any language) that belongs to `line`. */
function dropNewlineWhenTold(cursor: PatchCursor, line: HunkLine): HunkLine {
  if (!cursor.startsWith("\\ ")) return line;
  cursor.advance();
  return { sign: line.sign, text: line.text.slice(0, -1) };
}

/** Only the last line of each side may lack its end. */
function requireWholeLines(lines: readonly HunkLine[], lineNumber: number): void {
  for (const sign of ["-", "+"]) {
    const side = lines.filter((line) => line.sign === sign || line.sign === " ");
    if (side.slice(0, -1).some(({ text }) => !text.endsWith("\n")))
      throw malformed(lineNumber, "a line without newline in the middle of a hunk");
  }
}

function withoutCr({ sign, text }: HunkLine): HunkLine {
  const bare = withoutTerminator(text).text;
  return { sign, text: text.endsWith("\n") ? `${bare}\n` : bare };
}
