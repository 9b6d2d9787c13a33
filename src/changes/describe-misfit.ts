import { conflict, quoteBytes } from "./patch-errors.ts";
import type { Hunk, HunkLine } from "./patch-model.ts";
import { findTextPlaces, type TextPlaces } from "./place-by-text.ts";
import {
  type ApplyOptions,
  expectedIndex,
  type HunkInFile,
  placeHunk,
  type TextLines,
} from "./place-hunks.ts";

/** Why a hunk with line numbers fits nowhere. */
export function describeMisfit(file: TextLines, at: HunkInFile, options: ApplyOptions): Error {
  const { hunks, index, used, offset } = at;
  const hunk = hunks[index] as Hunk;
  const old = hunk.lines.filter(({ sign }) => sign !== "+");
  const start = Math.max(used.at(-1)?.end ?? 0, expectedIndex(hunk) + offset);
  const differs = old.findIndex(({ text }, at) => file.lines[start + at] !== text);
  const where = `${nameHunk(at, options)} does not fit`;
  const reversed = reverseHunk(hunk);
  if (placeHunk(file, reversed, { from: 0, offset, budget: options.budget, fuzzMax: 0 }))
    return alreadyApplied(where);
  const line = start + Math.max(0, differs) + 1;
  return conflict(
    `${where}: line ${line} should be ${showLine(old[Math.max(0, differs)]?.text)} but is ${showLine(file.lines[line - 1])}${countsText(hunk)}`,
    "Make the patch again from the files as they are now.",
  );
}

interface TextMisfitOptions extends ApplyOptions {
  readonly found: TextPlaces;
}

/** Why a hunk without line numbers fits nowhere, or in several places. */
export function describeTextMisfit(
  file: TextLines,
  at: HunkInFile,
  options: TextMisfitOptions,
): Error {
  const { found, budget } = options;
  const hunk = at.hunks[at.index] as Hunk;
  const name = nameHunk(at, options);
  const where = `${name} does not fit`;
  const old = hunk.lines.filter(({ sign }) => sign !== "+");
  if (found.places.length > 1)
    return conflict(
      `${name} fits ${found.places.length} places: ${linesText(found.places)}`,
      "Give it more lines of context, or name after @@ the line that it stands below.",
    );
  if (found.places.length === 1)
    return conflict(
      `${where}: its place, ${linesText(found.places)}, is before that of an earlier hunk or overlaps it`,
      "Put the hunks in the order of the file, and join those that share lines.",
    );
  if (found.missingAnchor !== undefined)
    return conflict(
      `${where}: no line is ${quoteBytes(found.missingAnchor, 80)}`,
      "Copy the line as the file has it, or leave it out.",
    );
  if (old.length === 0)
    return conflict(
      `${where}: it has only new lines, and nothing says where they go`,
      "Give it a line of context before or after them.",
    );
  if (findTextPlaces(file, reverseHunk(hunk), { budget }).places.length > 0)
    return alreadyApplied(where);
  const all = new Set(file.bare);
  const missing = old.find(({ text }) => !all.has(text.replace(/\r?\n$/, "")));
  const why =
    missing === undefined
      ? "its lines are there, but not one after the other"
      : `no line is ${showLine(missing.text)}`;
  return conflict(`${where}: ${why}`, "Make the patch again from the files as they are now.");
}

function nameHunk({ hunks, index }: HunkInFile, { path }: ApplyOptions): string {
  const line = hunks[index]?.lineNumber ?? 0;
  return `${quoteBytes(path)}: hunk ${index + 1} of ${hunks.length} (line ${line} of the patch)`;
}

function alreadyApplied(where: string): Error {
  return conflict(`${where}: its new lines are there already`, "The patch looks already applied.");
}

function countsText({ saidCounts: said, oldCount, newCount }: Hunk): string {
  if (said === undefined) return "";
  return `; its header counts ${said.old} old and ${said.new} new lines, but it has ${oldCount} and ${newCount}`;
}

function linesText(places: readonly number[]): string {
  const shown = places.slice(0, 10).map((place) => place + 1);
  const more = places.length > shown.length ? " and more" : "";
  return `line${shown.length === 1 ? "" : "s"} ${shown.join(", ")}${more}`;
}

function showLine(line: string | undefined): string {
  if (line === undefined) return "the end of the file";
  return line.endsWith("\n")
    ? quoteBytes(line.slice(0, -1), 80)
    : `${quoteBytes(line, 80)} without newline`;
}

function reverseHunk(hunk: Hunk): Hunk {
  const { oldStart, oldCount, newStart, newCount } = hunk;
  const opposite = { "+": "-", "-": "+", " ": " " } as const;
  const lines = hunk.lines.map(({ sign, text }): HunkLine => ({ sign: opposite[sign], text }));
  return {
    ...hunk,
    lines,
    oldStart: newStart,
    oldCount: newCount,
    newStart: oldStart,
    newCount: oldCount,
  };
}
