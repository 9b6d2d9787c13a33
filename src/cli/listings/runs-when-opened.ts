import { visibleText, type WorkspaceSummary } from "../../index.ts";
import type { IO } from "../io.ts";
import { counted, printWarning } from "./named-lines.ts";

export type RunsWhenOpened = WorkspaceSummary["runsWhenOpened"];

/** What runs by itself first, and of that what changed: those are what the guest had its hands on. */
export function runsWhenOpenedLines(files: RunsWhenOpened): readonly string[] {
  return files
    .toSorted((left, right) => urgency(right) - urgency(left))
    .map(
      ({ path, why, isChanged }) =>
        `${visibleText(path)}: ${visibleText(why)}${isChanged ? "" : " (unchanged)"}`,
    );
}

function urgency({ runs, isChanged }: RunsWhenOpened[number]): number {
  return Number(runs === "by_itself") * 2 + Number(isChanged);
}

/** Warns on stderr about files that editors, shells, Git and builds run code from. */
export function printRunsWhenOpened(io: IO, files: RunsWhenOpened): void {
  const [selfRunning, asked] = partition(files);
  printWarning(io, {
    title: `${counted(selfRunning.length, "file")} may run code when opened on this host; read before you open:`,
    lines: runsWhenOpenedLines(selfRunning),
  });
  printWarning(io, {
    title: `${counted(asked.length, "file")} may run code in a build, an installation or a test; read before you start one:`,
    lines: runsWhenOpenedLines(asked),
  });
}

/** How many files may run code, and when. */
export function runsWhenOpenedTitle(files: RunsWhenOpened): string {
  const [selfRunning, asked] = partition(files);
  const all = counted(files.length, "changed file");
  if (asked.length === 0) return `${all} may run code when opened:`;
  if (selfRunning.length === 0) return `${all} may run code when built or tested:`;
  return `${all} may run code, ${selfRunning.length} when opened:`;
}

function partition(files: RunsWhenOpened): readonly [RunsWhenOpened, RunsWhenOpened] {
  const isSelfRunning = ({ runs }: RunsWhenOpened[number]) => runs === "by_itself";
  return [files.filter(isSelfRunning), files.filter((file) => !isSelfRunning(file))];
}
