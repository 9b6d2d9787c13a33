import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { basename } from "node:path";

const kibPerMib = 1024;

let cachedTicksPerSecond: number | undefined;

/** Memory of a process in MiB, pages shared with others counted in part. */
export function proportionalMib(pid: number): number {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, "latin1");
  const kib = /^Pss:\s+(\d+) kB$/m.exec(text)?.[1];
  if (kib === undefined) throw new Error(`The kernel says no PSS of process ${pid}.`);
  return Number(kib) / kibPerMib;
}

/** The same of those mappings alone whose file has this name. */
export function proportionalMibOf(pid: number, fileName: string): number {
  let kib = 0;
  let isCounted = false;
  for (const line of readFileSync(`/proc/${pid}/smaps`, "latin1").split("\n")) {
    // Only the line that begins a mapping has a range.
    if (/^[0-9a-f]+-[0-9a-f]+ /.test(line)) isCounted = basename(line) === fileName;
    else if (isCounted) kib += Number(/^Pss:\s+(\d+) kB$/.exec(line)?.[1] ?? 0);
  }
  return kib / kibPerMib;
}

/** Seconds of processor time a process has used, all threads together. */
export function processorSeconds(pid: number): number {
  const fields = statFields(pid);
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond();
}

export function parentPid(pid: number): number {
  return Number(statFields(pid)[1]);
}

/** The fields after the command name, which may hold anything: state is the first. */
function statFields(pid: number): string[] {
  const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
  return stat.slice(stat.lastIndexOf(")") + 2).split(" ");
}

function ticksPerSecond(): number {
  cachedTicksPerSecond ??= Number(execFileSync("getconf", ["CLK_TCK"], { encoding: "utf8" }));
  return cachedTicksPerSecond;
}
