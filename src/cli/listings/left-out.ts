import { visibleText } from "../../index.ts";
import type { IO } from "../io.ts";
import { printNote } from "../printer.ts";
import { counted, printWarning } from "./named-lines.ts";

export interface LeftOutEntry {
  readonly path: string;
  readonly reason: string;
}

export interface LeftOut {
  readonly skipped: readonly LeftOutEntry[];
  readonly skippedCount?: number;
  readonly changedWhileRead: readonly string[];
  readonly warnings?: readonly string[];
}

/** Says on stderr what a copy between host and workspace did not take along as it was. */
export function printLeftOut(io: IO, leftOut: LeftOut): void {
  const { skipped, skippedCount, changedWhileRead, warnings = [] } = leftOut;
  printWarnings(io, { warnings });
  const total = skippedCount ?? skipped.length;
  printWarning(io, {
    title: `${counted(total, "entry was", "entries were")} left out:`,
    lines: skipped.map(leftOutLine),
    total,
  });
  printWarning(io, {
    title: `${counted(changedWhileRead.length, "file")} changed while being copied:`,
    lines: changedWhileRead.map((path) => visibleText(path)),
  });
}

/** Says on stderr what is odd about a copy as a whole. */
export function printWarnings(
  io: IO,
  { warnings }: { readonly warnings: readonly string[] },
): void {
  for (const warning of warnings) printNote(io, `warning: ${visibleText(warning, 1000)}`);
}

/** Which, and why. */
export function leftOutLine({ path, reason }: LeftOutEntry): string {
  return `${visibleText(path)}: ${visibleText(reason)}`;
}
