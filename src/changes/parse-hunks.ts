import {
  countLines,
  hunkGoesOn,
  type ParseState,
  requireSound,
  skipContext,
  takeAllLines,
  takeCountedLines,
  withoutCr,
} from "./hunk-body.ts";
import { type PatchCursor, withoutTerminator } from "./patch-cursor.ts";
import { malformed, quoteBytes } from "./patch-errors.ts";
import { type Hunk, type HunkLine, type LineCounts, patchLimits } from "./patch-model.ts";

const numbersPattern = /^@@ -(\d{1,9})(?:,(\d{1,9}))? \+(\d{1,9})(?:,(\d{1,9}))? @@/;

export function isHunkHeader(line: string): boolean {
  return /^@@(?: |\r?\n|$)/.test(line);
}

/** The hunks from here on; none is an answer. A header that ends in CR says that all lines got one on the way. */
export function parseHunks(state: ParseState, headerHadCr = false): Hunk[] {
  const hunks: Hunk[] = [];
  const { cursor } = state;
  while (isHunkHeader(cursor.peek() ?? "")) {
    const hunk = parseHunk(state);
    hunks.push(headerHadCr ? { ...hunk, lines: hunk.lines.map(withoutCr) } : hunk);
    skipContext(cursor);
  }
  return hunks;
}

function parseHunk(state: ParseState): Hunk {
  const { cursor } = state;
  const { lineNumber } = cursor;
  const header = cursor.take() ?? "";
  const match = numbersPattern.exec(header);
  if (match !== null) return parseNumberedHunk(state, { lineNumber, match });
  if (/^@@\s*[-+]\s*\d/.test(header) || header.length > patchLimits.headerLineBytes)
    throw malformed(lineNumber, `a broken hunk header ${quoteBytes(header)}`);
  const lines = takeAllLines(state);
  requireSound(lines, lineNumber);
  return textHunk({ lineNumber, lines, anchors: anchorsOf(header), endsFile: false });
}

interface TextHunkParts {
  readonly lineNumber: number;
  readonly lines: readonly HunkLine[];
  readonly anchors: readonly string[];
  readonly endsFile: boolean;
}

/** A hunk whose header has no numbers. */
export function textHunk({ lineNumber, lines, anchors, endsFile }: TextHunkParts): Hunk {
  const { old: oldCount, new: newCount } = countLines(lines);
  const [oldStart, newStart] = [Math.min(1, oldCount), Math.min(1, newCount)];
  const textPlace = { anchors, endsFile };
  return {
    lineNumber,
    oldStart,
    oldCount,
    newStart,
    newCount,
    lines,
    saidCounts: undefined,
    textPlace,
  };
}

/** The text of a header that names what its hunk stands in; what only holds the place of numbers names nothing. */
export function anchorsOf(header: string): string[] {
  const text = withoutTerminator(header)
    .text.slice(2)
    .replace(/@@\s*$/, "")
    .trim();
  return /^[-+\d,.?\s\u2026]*$/.test(text) || numbersPattern.test(header) ? [] : [text];
}

interface NumberedHeader {
  readonly lineNumber: number;
  readonly match: RegExpExecArray;
}

function parseNumberedHunk(state: ParseState, { lineNumber, match }: NumberedHeader): Hunk {
  const [oldStart, newStart] = [Number(match[1]), Number(match[3])];
  const said = { old: Number(match[2] ?? 1), new: Number(match[4] ?? 1) };
  const lines = takeNumberedLines(state, { lineNumber, said });
  const counts = countLines(lines);
  if (lines.length === 0) throw malformed(lineNumber, "an empty hunk");
  requireSound(lines, lineNumber);
  const isTrue = counts.old === said.old && counts.new === said.new;
  return {
    lineNumber,
    oldStart: startOf(oldStart, { said: said.old, has: counts.old }),
    oldCount: counts.old,
    newStart: startOf(newStart, { said: said.new, has: counts.new }),
    newCount: counts.new,
    lines,
    saidCounts: isTrue ? undefined : said,
    textPlace: undefined,
  };
}

/** An empty range names the line before it, any other its first line. */
function startOf(start: number, { said, has }: { said: number; has: number }): number {
  // A count of lines from 0 means the first, as git and patch read it.
  if ((said === 0) === (has === 0)) return has === 0 ? start : Math.max(1, start);
  return has === 0 ? start - 1 : start + 1;
}

interface SaidCounts {
  readonly lineNumber: number;
  readonly said: LineCounts;
}

/**
 * The lines that the header counts, or, where the text goes on or ends before, those that are there. A text that may have been cut off,
 * because it has fewer lines than promised and nothing after them, is refused.
 */
function takeNumberedLines(state: ParseState, { lineNumber, said }: SaidCounts): HunkLine[] {
  const { cursor } = state;
  const mark = cursor.mark();
  const { hunkLinesLeft } = state;
  const counted = takeCountedLines(state, said);
  if (counted !== undefined && counted.length > 0 && !hunkGoesOn(cursor)) return counted;
  cursor.returnTo(mark);
  state.hunkLinesLeft = hunkLinesLeft;
  const lines = takeAllLines(state);
  const has = countLines(lines);
  const isShort = has.old < said.old || has.new < said.new;
  if (!isShort || isBeginning(cursor)) return lines;
  const next = cursor.peek();
  throw malformed(
    lineNumber,
    `the header of this hunk counts ${said.old} old and ${said.new} new lines, but ${has.old} and ${has.new} follow, then ${next === undefined ? "the end" : quoteBytes(next)}`,
    "If nothing was cut off, correct the counts, or write @@ without numbers: the hunk then goes where its text fits.",
  );
}

/** Whether something begins here that ends a hunk by itself. */
function isBeginning(cursor: PatchCursor): boolean {
  const line = cursor.peek() ?? "";
  return /^(?:@@ |@@\r?\n|diff --git |diff -|Index: |--- |From [0-9a-f]{40}|commit [0-9a-f]{40})/.test(
    line,
  );
}
