import { readFileSync } from "node:fs";
import { isAlive, type ProcessIdentity, statFields } from "../../platform/processes.ts";

/** Of the clock that processes' times are told in; the kernel promises it to programs. */
const ticksPerSecond = 100;

/** What a standby costs its host, as the kernel counts it now. */
export interface StandbyCost {
  /** Of the monitor and what guards it; pages shared with others counted in part. Null where the kernel does not say. */
  readonly pssBytes: number | null;
  /** Since it waits, of one core. */
  readonly cpuPercent: number;
}

export function costOf(
  process: ProcessIdentity,
  since: { readonly readyAt: string; readonly usedTicks: number },
): StandbyCost {
  const seconds = Math.max(0.001, (Date.now() - Date.parse(since.readyAt)) / 1000);
  const used = Math.max(0, processorTicks(process.pid) - since.usedTicks) / ticksPerSecond;
  return {
    pssBytes: isAlive(process) ? pssOf([process.pid, ...ancestors(process.pid)]) : null,
    cpuPercent: Math.round((used / seconds) * 10_000) / 100,
  };
}

/** When it ends, unless somebody claims it before. */
export function endOf(waiting: { readonly readyAt: string; readonly idleSeconds: number }): string {
  return new Date(Date.parse(waiting.readyAt) + waiting.idleSeconds * 1000).toISOString();
}

/** Processor time that a process and its threads have used. */
export function processorTicks(pid: number): number {
  const fields = statFields(pid);
  return Number(fields[11] ?? 0) + Number(fields[12] ?? 0);
}

/** What stands between a monitor and the first process: its jail's starter and its guardian. */
function ancestors(pid: number): number[] {
  const parent = Number(statFields(pid)[1] ?? 0);
  return parent > 1 && isOurs(parent) ? [parent, ...ancestors(parent)] : [];
}

function isOurs(pid: number): boolean {
  try {
    return /^(bwrap|pyro-agent)$/.test(readFileSync(`/proc/${pid}/comm`, "latin1").trim());
  } catch {
    return false;
  }
}

function pssOf(pids: readonly number[]): number | null {
  try {
    return pids.reduce((sum, pid) => {
      const text = readFileSync(`/proc/${pid}/smaps_rollup`, "latin1");
      return sum + Number(/^Pss:\s+(\d+) kB$/m.exec(text)?.[1] ?? 0) * 1024;
    }, 0);
  } catch {
    // It ended meanwhile, or is not ours to look at.
    return null;
  }
}
