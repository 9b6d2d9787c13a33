import { setTimeout as sleep } from "node:timers/promises";
import { orphaning } from "../platform/orphan.ts";
import { isAlive, type ProcessIdentity } from "../platform/processes.ts";
import type { MachineExit } from "./driver.ts";

const watchMs = 250;

/**
 * What starts a machine that outlives us: it ends the machine when its time is over, and never when `ttlMs` is Infinity. The
 * machine is nobody's descendant, because some coding agents kill all of theirs, detached or not.
 */
export function guardianCommand(ttlMs: number): string[] {
  return [...orphaning, ...timeLimit(ttlMs)];
}

/** Not standard input, which Node closes when the process that it started, and that forks, ends. */
export const wordFd = 3;

/** The same, its PID on the first line of standard output; it waits for a line on `wordFd` before it starts anything. */
export function announcedGuardianCommand(ttlMs: number): string[] {
  const script = `echo $$; read -r go <&${wordFd} && exec "$@" ${wordFd}<&-`;
  return [...orphaning, "sh", "-c", script, "sh", ...timeLimit(ttlMs)];
}

function timeLimit(ttlMs: number): string[] {
  // A duration of 0 means none.
  const seconds = Number.isFinite(ttlMs) ? Math.max(1, Math.ceil(ttlMs / 1000)) : 0;
  return ["timeout", "--signal=KILL", String(seconds)];
}

/** The end of a process that is not our child; waiting for it keeps nobody alive. */
export async function endOfStranger(identity: ProcessIdentity): Promise<MachineExit> {
  while (isAlive(identity)) await sleep(watchMs, undefined, { ref: false });
  return { exitCode: null, signal: null, stderrTail: "" };
}
