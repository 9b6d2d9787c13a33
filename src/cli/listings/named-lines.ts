import type { IO } from "../io.ts";
import { printNote } from "../printer.ts";

const linesMax = 10;

interface NamedLines {
  readonly title: string;
  /** Safe one-line texts. */
  readonly lines: readonly string[];
  /** How many there are, where the result holds fewer. */
  readonly total?: number;
}

/** A warning on stderr that names what it is about: the first ten, and how many more. */
export function printWarning(io: IO, { title, lines, total = lines.length }: NamedLines): void {
  if (total === 0) return;
  printNote(io, `warning: ${title}`);
  for (const line of lines.slice(0, linesMax)) printNote(io, `  ${line}`);
  const more = total - Math.min(lines.length, linesMax);
  if (more > 0) printNote(io, `  and ${more} more: --json`);
}

/** `1 file`, `2 files`. */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}
