import type { BytePath } from "../model/tree.ts";
import { splitLines } from "./line-diff.ts";
import { conflict, quoteBytes, refused } from "./patch-errors.ts";
import { type Hunk, type HunkLine, patchLimits } from "./patch-model.ts";
import { expectedIndex, type Placement, placeHunk, TextLines, withoutEnd } from "./place-hunks.ts";

/** Where one hunk went. */
export interface HunkResult {
  /** From 1, within its file. */
  readonly number: number;
  /** First line of the new file it speaks of, from 1. */
  readonly line: number;
  /** Lines between where the patch said and where it fits. */
  readonly offset: number;
  /** Context lines at its ends that had to be overlooked. */
  readonly fuzz: number;
}

export interface AppliedHunks {
  readonly content: Buffer;
  readonly hunks: readonly HunkResult[];
  /** The patch had other line ends than the file; the file's were kept. */
  readonly lineEndsAdapted: boolean;
}

export interface ApplyOptions {
  /** For messages. */
  readonly path: BytePath;
  readonly budget: { comparisons: number };
}

/**
 * The content with all hunks applied, or `patch_conflict`. A hunk whose lines differ from the file's only in CR fits, and
 * its new lines then take the line ends of the file.
 */
export function applyHunks(
  content: Buffer,
  hunks: readonly Hunk[],
  options: ApplyOptions,
): AppliedHunks {
  const file = new TextLines(splitLines(content.toString("latin1")));
  const out: string[] = [];
  const results: HunkResult[] = [];
  let from = 0;
  let offset = 0;
  let lineEndsAdapted = false;
  for (const [index, hunk] of hunks.entries()) {
    const placement = placeHunk(file, hunk, { from, offset, budget: options.budget });
    if (placement === undefined) {
      if (options.budget.comparisons < 0) throw tooCostly(options.path);
      throw describeConflict(file, { hunks, index, from, offset }, options);
    }
    copyLines(out, file.lines, { start: from, end: placement.at });
    results.push(
      resultOf({ number: index + 1, line: out.length + 1 - placement.start, placement }),
    );
    from = appendPart(out, file, { hunk, placement });
    offset = placement.offset;
    lineEndsAdapted ||= placement.overlooksLineEnds;
  }
  copyLines(out, file.lines, { start: from, end: file.lines.length });
  return { content: joinLines(out, file), hunks: results, lineEndsAdapted };
}

/** For example "hunk 2 applied at line 57 (offset 3 lines, fuzz 1)". */
export function describeHunkResult({ number, line, offset, fuzz }: HunkResult): string {
  const notes: string[] = [];
  if (offset !== 0) notes.push(`offset ${offset} line${Math.abs(offset) === 1 ? "" : "s"}`);
  if (fuzz !== 0) notes.push(`fuzz ${fuzz}`);
  return `hunk ${number} applied at line ${line}${notes.length > 0 ? ` (${notes.join(", ")})` : ""}`;
}

function resultOf(applied: { number: number; line: number; placement: Placement }): HunkResult {
  const { number, line, placement } = applied;
  return { number, line: Math.max(1, line), offset: placement.offset, fuzz: placement.fuzz };
}

function copyLines(
  out: string[],
  lines: readonly string[],
  { start, end }: { start: number; end: number },
): void {
  for (let index = start; index < end; index += 1) out.push(lines[index] ?? "");
}

/** Appends the new side of the matched part; answers the first line of the file after it. */
function appendPart(
  out: string[],
  file: TextLines,
  { hunk, placement }: { hunk: Hunk; placement: Placement },
): number {
  let at = placement.at;
  for (const { sign, text } of hunk.lines.slice(placement.start, placement.end)) {
    if (sign === "+") out.push(placement.overlooksLineEnds ? withEndOf(file, text) : text);
    else {
      // Context comes from the file, whose line ends may differ.
      if (sign === " ") out.push(file.lines[at] ?? "");
      at += 1;
    }
  }
  return at;
}

function withEndOf(file: TextLines, text: string): string {
  return text.endsWith("\n") ? `${withoutEnd(text)}${file.usualEnd}` : withoutEnd(text);
}

/** Only the last line may lack its end: what was last in the file need not be last any more. */
function joinLines(lines: readonly string[], file: TextLines): Buffer {
  const whole = lines.map((line, index) =>
    line.endsWith("\n") || index === lines.length - 1 ? line : `${line}${file.usualEnd}`,
  );
  return Buffer.from(whole.join(""), "latin1");
}

function tooCostly(path: BytePath): Error {
  return refused(
    `${quoteBytes(path)} and its hunks repeat themselves so much that finding their places takes over ${patchLimits.lineComparisons} comparisons`,
  );
}

interface Failure {
  readonly hunks: readonly Hunk[];
  readonly index: number;
  readonly from: number;
  readonly offset: number;
}

function describeConflict(file: TextLines, failure: Failure, options: ApplyOptions): Error {
  const { hunks, index, from, offset } = failure;
  const hunk = hunks[index] as Hunk;
  const old = hunk.lines.filter(({ sign }) => sign !== "+");
  const start = Math.max(from, expectedIndex(hunk) + offset);
  const differs = old.findIndex(({ text }, at) => file.lines[start + at] !== text);
  const where = `${quoteBytes(options.path)}: hunk ${index + 1} of ${hunks.length} (line ${hunk.lineNumber} of the patch) does not fit`;
  const reversed = reverseHunk(hunk);
  if (placeHunk(file, reversed, { from: 0, offset, budget: options.budget, fuzzMax: 0 }))
    return conflict(
      `${where}: its new lines are there already`,
      "The patch looks already applied.",
    );
  const line = start + Math.max(0, differs) + 1;
  return conflict(
    `${where}: line ${line} should be ${showLine(old[Math.max(0, differs)]?.text)} but is ${showLine(file.lines[line - 1])}`,
    "Make the patch again from the files as they are now.",
  );
}

function showLine(line: string | undefined): string {
  if (line === undefined) return "the end of the file";
  return line.endsWith("\n")
    ? quoteBytes(line.slice(0, -1), 80)
    : `${quoteBytes(line, 80)} without newline`;
}

function reverseHunk(hunk: Hunk): Hunk {
  const { oldStart, oldCount, newStart, newCount, lineNumber } = hunk;
  const opposite = { "+": "-", "-": "+", " ": " " } as const;
  const lines = hunk.lines.map(({ sign, text }): HunkLine => ({ sign: opposite[sign], text }));
  return {
    lineNumber,
    lines,
    oldStart: newStart,
    oldCount: newCount,
    newStart: oldStart,
    newCount: oldCount,
  };
}
