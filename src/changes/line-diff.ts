import { diffArrays } from "diff";
import { type Match, matchAnchors } from "./line-anchors.ts";

/** Lines [oldStart, oldEnd) became lines [newStart, newEnd); counted from 0. */
export interface Region {
  readonly oldStart: number;
  readonly oldEnd: number;
  readonly newStart: number;
  readonly newEnd: number;
}

/** Bounds of the search for the shortest edit of one pair of files. */
export interface EditEffort {
  /** Lines added and removed together; the work grows with its square. */
  readonly editLengthMax: number;
  readonly timeMs: number;
}

/** The lines of a text, each with its terminator; the last may lack one. */
export function splitLines(text: string): string[] {
  const lines: string[] = [];
  for (let start = 0; start < text.length; ) {
    const newline = text.indexOf("\n", start);
    const end = newline < 0 ? text.length : newline + 1;
    lines.push(text.slice(start, end));
    start = end;
  }
  return lines;
}

/**
 * Where two lists of lines differ. Lines that only one of them has are set aside first, as git does: they are
 * edits whatever happens. When the rest is too different for `effort`, only lines that are unique in both are matched.
 */
export function diffLines(
  old: readonly string[],
  now: readonly string[],
  effort: EditEffort,
): Region[] {
  const start = commonPrefix(old, now);
  const suffix = commonSuffix(old, now, start);
  const oldMiddle = numberLines(old, { start, end: old.length - suffix });
  const newMiddle = numberLines(now, { start, end: now.length - suffix }, oldMiddle.numbers);
  const shared = sharedOnly(oldMiddle.ids, newMiddle.ids);
  const matches = matchIds(shared.old.ids, shared.now.ids, effort).map(
    ([left, right]): Match => [
      start + (shared.old.places[left] ?? 0),
      start + (shared.now.places[right] ?? 0),
    ],
  );
  matches.push([old.length - suffix, now.length - suffix]);
  return regionsBetween(matches, start);
}

function commonPrefix(old: readonly string[], now: readonly string[]): number {
  let length = 0;
  while (length < old.length && length < now.length && old[length] === now[length]) length += 1;
  return length;
}

function commonSuffix(old: readonly string[], now: readonly string[], prefix: number): number {
  const most = Math.min(old.length, now.length) - prefix;
  let length = 0;
  while (length < most && old[old.length - 1 - length] === now[now.length - 1 - length])
    length += 1;
  return length;
}

interface NumberedLines {
  readonly ids: number[];
  readonly numbers: Map<string, number>;
}

function numberLines(
  lines: readonly string[],
  range: { start: number; end: number },
  numbers = new Map<string, number>(),
): NumberedLines {
  const ids: number[] = [];
  for (let index = range.start; index < range.end; index += 1) {
    const line = lines[index] ?? "";
    const known = numbers.get(line);
    ids.push(known ?? numbers.size);
    if (known === undefined) numbers.set(line, numbers.size);
  }
  return { ids, numbers };
}

interface PlacedIds {
  readonly ids: number[];
  readonly places: number[];
}

function sharedOnly(
  oldIds: readonly number[],
  newIds: readonly number[],
): { old: PlacedIds; now: PlacedIds } {
  return { old: keepKnown(oldIds, new Set(newIds)), now: keepKnown(newIds, new Set(oldIds)) };
}

function keepKnown(ids: readonly number[], known: ReadonlySet<number>): PlacedIds {
  const kept: PlacedIds = { ids: [], places: [] };
  for (const [place, id] of ids.entries()) {
    if (!known.has(id)) continue;
    kept.ids.push(id);
    kept.places.push(place);
  }
  return kept;
}

function matchIds(old: number[], now: number[], effort: EditEffort): Match[] {
  if (old.length === 0 || now.length === 0) return [];
  const steps = diffArrays(old, now, {
    maxEditLength: effort.editLengthMax,
    timeout: effort.timeMs,
  });
  if (steps === undefined) return matchAnchors(old, now);
  const matches: Match[] = [];
  let oldAt = 0;
  let newAt = 0;
  for (const { added, removed, count } of steps) {
    if (!added && !removed)
      for (let index = 0; index < count; index += 1) matches.push([oldAt + index, newAt + index]);
    if (!added) oldAt += count;
    if (!removed) newAt += count;
  }
  return matches;
}

function regionsBetween(matches: readonly Match[], start: number): Region[] {
  const regions: Region[] = [];
  let oldStart = start;
  let newStart = start;
  for (const [oldEnd, newEnd] of matches) {
    if (oldEnd > oldStart || newEnd > newStart)
      regions.push({ oldStart, oldEnd, newStart, newEnd });
    oldStart = oldEnd + 1;
    newStart = newEnd + 1;
  }
  return regions;
}
