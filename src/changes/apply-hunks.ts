import type { BytePath } from "../model/tree.ts";
import { describeMisfit, describeTextMisfit } from "./describe-misfit.ts";
import { splitLines } from "./line-diff.ts";
import { quoteBytes, refused } from "./patch-errors.ts";
import { type Hunk, patchLimits } from "./patch-model.ts";
import { findTextPlaces, placementAt } from "./place-by-text.ts";
import {
  type ApplyOptions,
  type HunkInFile,
  type Placement,
  placeHunk,
  TextLines,
  type UsedLines,
  withoutEnd,
} from "./place-hunks.ts";

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
  /** What its header says wrongly, or does not say. */
  readonly remark?: string | undefined;
}

export interface AppliedHunks {
  readonly content: Buffer;
  readonly hunks: readonly HunkResult[];
  /** The patch had other line ends than the file; the file's were kept. */
  readonly lineEndsAdapted: boolean;
  /** The file had no newline at its end, the patch did not say so, and now there is one. */
  readonly endsNewly: boolean;
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
  const used: UsedLines[] = [];
  let offset = 0;
  let lineEndsAdapted = false;
  let endsNewly = false;
  for (const [index, hunk] of hunks.entries()) {
    const from = used.at(-1)?.end ?? 0;
    const placement = findPlacement(file, { hunks, index, used, offset }, options);
    copyLines(out, file.lines, { start: from, end: placement.at });
    const line = out.length + 1 - placement.start;
    results.push({ ...resultOf({ number: index + 1, line, placement }), remark: remarkOn(hunk) });
    const match = { hunk, placement, keepsEnds: keepsEnds(file, hunk, placement) };
    const end = appendPart(out, file, match);
    used.push({ start: placement.at, end });
    offset = placement.offset;
    lineEndsAdapted ||= match.keepsEnds;
    endsNewly ||= placement.overlooksLineEnds && end === file.lines.length;
  }
  copyLines(out, file.lines, { start: used.at(-1)?.end ?? 0, end: file.lines.length });
  const joined = joinLines(out, file);
  endsNewly &&= file.lines.at(-1)?.endsWith("\n") === false && joined.at(-1) === 10;
  return { content: joined, hunks: results, lineEndsAdapted, endsNewly };
}

function findPlacement(file: TextLines, at: HunkInFile, options: ApplyOptions): Placement {
  const { budget, path } = options;
  const hunk = at.hunks[at.index] as Hunk;
  const from = at.used.at(-1)?.end ?? 0;
  if (hunk.textPlace === undefined) {
    const placement = placeHunk(file, hunk, { from, offset: at.offset, budget });
    if (placement !== undefined) return placement;
    if (budget.comparisons < 0) throw tooCostly(path);
    throw describeMisfit(file, at, options);
  }
  const found = findTextPlaces(file, hunk, { budget });
  if (budget.comparisons < 0) throw tooCostly(path);
  const places = found.places.filter(
    (place) => !at.used.some(({ start, end }) => start <= place && place < end),
  );
  const [only] = places;
  if (places.length === 1 && only !== undefined && only >= from)
    return placementAt(hunk, only, found.overlooksLineEnds);
  throw describeTextMisfit(file, at, { ...options, found: { ...found, places } });
}

function remarkOn({ saidCounts: said, oldCount, newCount, textPlace }: Hunk): string | undefined {
  if (textPlace !== undefined) return "by its text";
  return (
    said &&
    `its header counts ${said.old} old and ${said.new} new lines, but it has ${oldCount} and ${newCount}`
  );
}

/** Whether the file's lines end otherwise than those of the hunk, apart from a missing newline at the very end. */
function keepsEnds(
  file: TextLines,
  hunk: Hunk,
  { at, start, end, overlooksLineEnds }: Placement,
): boolean {
  if (!overlooksLineEnds) return false;
  const old = hunk.lines.slice(start, end).filter(({ sign }) => sign !== "+");
  return old.some(({ text }, index) => {
    const found = file.lines[at + index] ?? "";
    return text.endsWith("\n") && found.endsWith("\n") && text !== found;
  });
}

/** For example "hunk 2 applied at line 57 (offset 3 lines, fuzz 1)". */
export function describeHunkResult({ number, line, offset, fuzz, remark }: HunkResult): string {
  const notes: string[] = [];
  if (offset !== 0) notes.push(`offset ${offset} line${Math.abs(offset) === 1 ? "" : "s"}`);
  if (fuzz !== 0) notes.push(`fuzz ${fuzz}`);
  if (remark !== undefined) notes.push(remark);
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
  { hunk, placement, keepsEnds }: { hunk: Hunk; placement: Placement; keepsEnds: boolean },
): number {
  let at = placement.at;
  for (const { sign, text } of hunk.lines.slice(placement.start, placement.end)) {
    if (sign === "+") out.push(keepsEnds ? withEndOf(file, text) : text);
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
