import { visibleText, type WorkspaceSummary } from "../../index.ts";
import type { IO } from "../io.ts";
import { counted, printWarning } from "./named-lines.ts";

export type RunsWhenOpened = WorkspaceSummary["runsWhenOpened"];

/** Changed files first: those are what the guest had its hands on. */
export function runsWhenOpenedLines(files: RunsWhenOpened): readonly string[] {
  return files
    .toSorted((left, right) => Number(right.isChanged) - Number(left.isChanged))
    .map(
      ({ path, why, isChanged }) =>
        `${visibleText(path)}: ${visibleText(why)}${isChanged ? "" : " (unchanged)"}`,
    );
}

/** Warns on stderr about files that editors, shells and Git run code from. */
export function printRunsWhenOpened(io: IO, files: RunsWhenOpened): void {
  printWarning(io, {
    title: `${counted(files.length, "file")} may run code when opened on this host; read before you open:`,
    lines: runsWhenOpenedLines(files),
  });
}
