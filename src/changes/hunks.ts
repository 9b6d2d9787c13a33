import type { Region } from "./line-diff.ts";

/** Lines shown around each change. */
const contextLines = 3;

export interface TextSides {
  readonly old: readonly string[];
  readonly now: readonly string[];
}

/** Unified hunks of `regions`, one at a time, as latin1 text. */
export function* renderHunks(sides: TextSides, regions: readonly Region[]): Generator<string> {
  let group: Region[] = [];
  const headings = new Headings(sides.old);
  for (const region of regions) {
    const last = group.at(-1);
    if (last && region.oldStart - last.oldEnd > 2 * contextLines) {
      yield renderHunk(sides, group, headings);
      group = [];
    }
    group.push(region);
  }
  if (group.length > 0) yield renderHunk(sides, group, headings);
}

/** The last line before a hunk that looks like the beginning of something: git's rule for files of no known language. */
class Headings {
  readonly #lines: readonly string[];
  #searched = 0;
  #heading = "";

  constructor(lines: readonly string[]) {
    this.#lines = lines;
  }

  /** For a hunk at `start`; the starts must rise. */
  before(start: number): string {
    for (let index = start - 1; index >= this.#searched; index -= 1) {
      const line = this.#lines[index] ?? "";
      if (!/^[A-Za-z_$]/.test(line)) continue;
      this.#heading = ` ${line.slice(0, 80).replace(/[\t-\r ]+$/, "")}`;
      break;
    }
    this.#searched = start;
    return this.#heading;
  }
}

function renderHunk(sides: TextSides, group: readonly Region[], headings: Headings): string {
  const first = group[0] as Region;
  const last = group.at(-1) as Region;
  const before = Math.min(contextLines, first.oldStart);
  const after = Math.min(contextLines, sides.old.length - last.oldEnd);
  const oldRange = { start: first.oldStart - before, end: last.oldEnd + after };
  const newRange = { start: first.newStart - before, end: last.newEnd + after };
  const parts = [
    `@@ -${rangeText(oldRange)} +${rangeText(newRange)} @@${headings.before(oldRange.start)}\n`,
  ];
  const push = (sign: string, lines: readonly string[]): void => {
    for (const line of lines) parts.push(sign, line, line.endsWith("\n") ? "" : noNewline);
  };
  let at = oldRange.start;
  for (const region of group) {
    push(" ", sides.old.slice(at, region.oldStart));
    push("-", sides.old.slice(region.oldStart, region.oldEnd));
    push("+", sides.now.slice(region.newStart, region.newEnd));
    at = region.oldEnd;
  }
  push(" ", sides.old.slice(at, oldRange.end));
  return parts.join("");
}

const noNewline = "\n\\ No newline at end of file\n";

/** `start,count` as git writes it: an empty range names the line before it, a count of one is left out. */
function rangeText({ start, end }: { start: number; end: number }): string {
  const count = end - start;
  if (count === 1) return `${start + 1}`;
  return count === 0 ? `${start},0` : `${start + 1},${count}`;
}
