import { visibleText } from "../../index.ts";
import type { IO } from "../io.ts";
import { counted, printWarning } from "./named-lines.ts";

export interface LeftOutEntry {
  readonly path: string;
  readonly reason: string;
}

export interface LeftOut {
  readonly skipped: readonly LeftOutEntry[];
  readonly skippedCount?: number;
  readonly changedWhileRead: readonly string[];
}

/** Says on stderr what a copy between host and workspace did not take along as it was. */
export function printLeftOut(io: IO, { skipped, skippedCount, changedWhileRead }: LeftOut): void {
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

/** Which, and why. */
export function leftOutLine({ path, reason }: LeftOutEntry): string {
  return `${visibleText(path)}: ${visibleText(reason)}`;
}
