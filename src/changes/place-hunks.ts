import type { BytePath } from "../model/tree.ts";
import type { Hunk } from "./patch-model.ts";

/** Context lines at either end of a hunk that may differ, as many as GNU patch allows. */
const fuzzMax = 2;

/** A file's lines, and the same without their ends for comparisons that overlook them. */
export class TextLines {
  readonly lines: readonly string[];
  #bare: readonly string[] | undefined;
  #usualEnd: "\r\n" | "\n" | undefined;

  constructor(lines: readonly string[]) {
    this.lines = lines;
  }

  get bare(): readonly string[] {
    this.#bare ??= this.lines.map(withoutEnd);
    return this.#bare;
  }

  /** The line end that most lines have. */
  get usualEnd(): "\r\n" | "\n" {
    if (this.#usualEnd === undefined) {
      const withCr = this.lines.filter((line) => line.endsWith("\r\n")).length;
      this.#usualEnd = withCr * 2 > this.lines.length ? "\r\n" : "\n";
    }
    return this.#usualEnd;
  }
}

export interface Placement {
  /** The part of the hunk's lines that was matched, [start, end). */
  readonly start: number;
  readonly end: number;
  /** Index of the file's line that the part begins at. */
  readonly at: number;
  /** Lines between where the hunk said and where it fits. */
  readonly offset: number;
  readonly fuzz: number;
  /** Fits only when the ends of lines are overlooked. */
  readonly overlooksLineEnds: boolean;
}

export interface PlaceOptions {
  /** The first line that no earlier hunk has used. */
  readonly from: number;
  /** How far the hunk before this one was off. */
  readonly offset: number;
  /** Comparisons left for the whole patch. */
  readonly budget: { comparisons: number };
  /** Default: 2. */
  readonly fuzzMax?: number;
}

export interface ApplyOptions {
  /** For messages. */
  readonly path: BytePath;
  readonly budget: { comparisons: number };
}

/** Lines of the file, [start, end), that a hunk speaks of. */
export interface UsedLines {
  readonly start: number;
  readonly end: number;
}

/** A hunk on its way into a file. */
export interface HunkInFile {
  readonly hunks: readonly Hunk[];
  readonly index: number;
  /** What the hunks before it speak of. */
  readonly used: readonly UsedLines[];
  /** How far the hunk before it was off. */
  readonly offset: number;
}

/**
 * Where a hunk fits, or undefined. Tried in this order: as it is, then with other line ends, each at the place it names and
 * then ever farther from it; then the same with one, then two lines of context overlooked at its ends.
 */
export function placeHunk(
  file: TextLines,
  hunk: Hunk,
  options: PlaceOptions,
): Placement | undefined {
  const { leading, trailing } = contextOf(hunk);
  const context = Math.max(leading, trailing);
  for (let fuzz = 0; fuzz <= Math.min(options.fuzzMax ?? fuzzMax, context); fuzz += 1) {
    const start = Math.max(0, fuzz + leading - context);
    const end = hunk.lines.length - Math.max(0, fuzz + trailing - context);
    for (const overlooksLineEnds of [false, true]) {
      const part = makePart(hunk, { start, end }, overlooksLineEnds);
      if (fuzz > 0 && part.old.length === 0) return undefined;
      const expected = expectedIndex(hunk) + options.offset + part.skipped;
      const anchor = fuzz === 0 ? anchorOf(hunk, { leading, trailing }) : "none";
      const at = searchPart(file, part, { ...options, expected, anchor });
      if (at === undefined) continue;
      const offset = at - part.skipped - expectedIndex(hunk);
      return { start, end, at, offset, fuzz, overlooksLineEnds };
    }
  }
  return undefined;
}

/** Index of the first line a hunk speaks of; an insertion names the line before it. */
export function expectedIndex({ oldStart, oldCount }: Hunk): number {
  return oldCount === 0 ? oldStart : oldStart - 1;
}

export function withoutEnd(line: string): string {
  if (line.endsWith("\r\n")) return line.slice(0, -2);
  return line.endsWith("\n") || line.endsWith("\r") ? line.slice(0, -1) : line;
}

interface Context {
  readonly leading: number;
  readonly trailing: number;
}

function contextOf({ lines }: Hunk): Context {
  const isContext = ({ sign }: { sign: string }): boolean => sign === " ";
  const leading = lines.findIndex((line) => !isContext(line));
  const trailing = lines.length - 1 - lines.findLastIndex((line) => !isContext(line));
  return { leading, trailing };
}

type Anchor = "start" | "end" | "none";

/** A hunk with context on one side only was made at that end of the file; git insists on it, here it is tried first. */
function anchorOf({ oldStart }: Hunk, { leading, trailing }: Context): Anchor {
  if (oldStart <= 1 && leading < trailing) return "start";
  return trailing === 0 && leading > 0 ? "end" : "none";
}

/** The old lines of a part of a hunk, in the form they are compared in. */
interface Part {
  readonly old: readonly string[];
  /** Lines of context before the part. */
  readonly skipped: number;
  readonly bare: boolean;
  /** The part holds a last line without newline, so nothing may follow it. */
  readonly endsFile: boolean;
}

function makePart(hunk: Hunk, { start, end }: { start: number; end: number }, bare: boolean): Part {
  const lines = hunk.lines.slice(start, end);
  const old = lines.filter(({ sign }) => sign !== "+").map(({ text }) => text);
  const endsFile = lines.some(({ text }) => !text.endsWith("\n"));
  return { old: bare ? old.map(withoutEnd) : old, skipped: start, bare, endsFile };
}

interface SearchOptions extends PlaceOptions {
  readonly expected: number;
  readonly anchor: Anchor;
}

type Fits = (at: number) => boolean;

function searchPart(file: TextLines, part: Part, options: SearchOptions): number | undefined {
  const { from, expected, anchor, budget } = options;
  const lines = part.bare ? file.bare : file.lines;
  const last = lines.length - part.old.length;
  const fits: Fits = (at) =>
    at >= from &&
    at <= last &&
    (!part.endsFile || at === last) &&
    matchesAt(lines, { old: part.old, at }, budget);
  // Without a single old line every place would do; only the named one means anything.
  if (part.old.length === 0) {
    const named = lines.length === 0 ? 0 : expected;
    return fits(named) ? named : undefined;
  }
  if (anchor === "start" && fits(0)) return 0;
  if (anchor === "end" || part.endsFile) {
    if (fits(last)) return last;
    if (part.endsFile) return undefined;
  }
  return searchOutwards(fits, options, last);
}

function searchOutwards(fits: Fits, options: SearchOptions, last: number): number | undefined {
  const { from, expected, budget } = options;
  const start = Math.min(Math.max(expected, from), Math.max(last, from));
  for (let distance = 0; start - distance >= from || start + distance <= last; distance += 1) {
    if (fits(start + distance)) return start + distance;
    if (distance > 0 && fits(start - distance)) return start - distance;
    if (budget.comparisons < 0) return undefined;
  }
  return undefined;
}

function matchesAt(
  lines: readonly string[],
  { old, at }: { old: readonly string[]; at: number },
  budget: { comparisons: number },
): boolean {
  for (const [index, wanted] of old.entries()) {
    const found = lines[at + index];
    budget.comparisons -= 1 + (found?.length === wanted.length ? wanted.length >> 6 : 0);
    if (found !== wanted) return false;
  }
  return true;
}
