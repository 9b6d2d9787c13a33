import type { Hunk, TextPlace } from "./patch-model.ts";
import { type Placement, type TextLines, withoutEnd } from "./place-hunks.ts";

/** Where a hunk without line numbers may go. */
export interface TextPlaces {
  /** Lines of the file, from 0, at which its old lines begin. */
  readonly places: readonly number[];
  readonly overlooksLineEnds: boolean;
  /** A text after @@ that no line of the file has. */
  readonly missingAnchor: string | undefined;
}

interface PlaceOptions {
  /** Comparisons left for the whole patch. */
  readonly budget: { comparisons: number };
}

/**
 * All places of a file that a hunk without line numbers fits: its old lines as they are, or else with other line ends, within what its anchors
 * name. A hunk without old lines fits an empty file, and the end of one when it says so.
 */
export function findTextPlaces(file: TextLines, hunk: Hunk, { budget }: PlaceOptions): TextPlaces {
  const old = hunk.lines.filter(({ sign }) => sign !== "+").map(({ text }) => text);
  const { anchors, endsFile } = hunk.textPlace ?? { anchors: [], endsFile: false };
  const none = { places: [], overlooksLineEnds: false, missingAnchor: undefined };
  if (old.length === 0) {
    const fits = file.lines.length === 0 || endsFile;
    return { ...none, places: fits ? [file.lines.length] : [] };
  }
  for (const overlooksLineEnds of [false, true]) {
    const lines = overlooksLineEnds ? file.bare : file.lines;
    const wanted = overlooksLineEnds ? old.map(withoutEnd) : old;
    const endsWhole = endsFile || hunk.lines.some(({ text }) => !text.endsWith("\n"));
    const all = placesOf(lines, wanted, budget).filter(
      (at) => !endsWhole || at + wanted.length === lines.length,
    );
    if (all.length === 0) continue;
    return { ...none, ...withinAnchors(file, all, { anchors, budget }), overlooksLineEnds };
  }
  return none;
}

/** The placement at one of the places. */
export function placementAt(hunk: Hunk, at: number, overlooksLineEnds: boolean): Placement {
  return { start: 0, end: hunk.lines.length, at, offset: 0, fuzz: 0, overlooksLineEnds };
}

function placesOf(
  lines: readonly string[],
  wanted: readonly string[],
  budget: { comparisons: number },
): number[] {
  const places: number[] = [];
  for (let at = 0; at + wanted.length <= lines.length; at += 1) {
    if (budget.comparisons < 0) return places;
    if (wanted.every((line, index) => isSame(line, lines[at + index], budget))) places.push(at);
  }
  return places;
}

function isSame(
  wanted: string,
  found: string | undefined,
  budget: { comparisons: number },
): boolean {
  budget.comparisons -= 1 + (found?.length === wanted.length ? wanted.length >> 6 : 0);
  return wanted === found;
}

interface AnchorOptions extends PlaceOptions {
  readonly anchors: TextPlace["anchors"];
}

/** Those of `places` in a block that the anchors open; where there is no such block, those after the anchors. */
function withinAnchors(
  file: TextLines,
  places: readonly number[],
  { anchors, budget }: AnchorOptions,
): Pick<TextPlaces, "places" | "missingAnchor"> {
  let openings: readonly number[] | undefined;
  for (const anchor of anchors) {
    budget.comparisons -= 4 * file.lines.length;
    const lines = budget.comparisons < 0 ? [] : linesLike(file, anchor);
    if (lines.length === 0) return { places: [], missingAnchor: anchor };
    openings = openings === undefined ? lines : openedBy(file, openings, { lines, budget });
  }
  if (openings === undefined) return { places, missingAnchor: undefined };
  return { places: openedBy(file, openings, { lines: places, budget }), missingAnchor: undefined };
}

interface OpenedLines extends PlaceOptions {
  readonly lines: readonly number[];
}

function openedBy(
  file: TextLines,
  openings: readonly number[],
  { lines, budget }: OpenedLines,
): readonly number[] {
  const isInside = (line: number): boolean => {
    budget.comparisons -= openings.length;
    if (budget.comparisons < 0) return false;
    return openings.some(
      (opening) => opening <= line && isInBlock(file, { opening, at: line }, budget),
    );
  };
  const inside = lines.filter(isInside);
  const first = openings[0] ?? 0;
  return inside.length > 0 ? inside : lines.filter((line) => line >= first);
}

/** The lines that are the anchor but for blanks around it, or else those that begin with it. */
function linesLike({ bare }: TextLines, anchor: string): number[] {
  const exact: number[] = [];
  const longer: number[] = [];
  for (const [index, line] of bare.entries()) {
    const text = line.trim();
    if (text === anchor) exact.push(index);
    else if (text.startsWith(anchor)) longer.push(index);
  }
  return exact.length > 0 ? exact : longer;
}

/** Whether the line at `at` stands in the block that the line at `opening` begins, by their indentation. */
function isInBlock(
  { bare }: TextLines,
  { opening, at }: { opening: number; at: number },
  budget: { comparisons: number },
): boolean {
  const outer = indentation(bare[opening] ?? "");
  for (let index = opening + 1; index < at; index += 1) {
    budget.comparisons -= 1;
    const line = bare[index] ?? "";
    // A line that closes or continues what was opened is no new block.
    if (line.trim() === "" || /^\s*[)\]}>{(:]/.test(line)) continue;
    if (indentation(line) <= outer || budget.comparisons < 0) return false;
  }
  budget.comparisons -= 1;
  return true;
}

function indentation(line: string): number {
  return line.length - line.trimStart().length;
}
