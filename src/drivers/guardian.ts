import { setTimeout as sleep } from "node:timers/promises";
import { orphaning } from "../platform/orphan.ts";
import { isAlive, type ProcessIdentity } from "../platform/processes.ts";
import {
  guardOptions,
  guardTerms,
  type MachineExit,
  type OwnLifetime,
  type StandbyGuard,
} from "./driver.ts";

const watchMs = 250;

export interface Guardian {
  /** The guest agent's program, which plays the guardian on the host. */
  readonly program: string;
  readonly lifetime: OwnLifetime;
  /** What the machine runs as, where that is another than we are. */
  readonly identity?: { readonly uid?: number; readonly gid?: number };
}

/**
 * What starts a machine that outlives us, and ends it when its time is over, its directory gone, or nobody looks after it any
 * more. The machine is nobody's descendant, because some coding agents kill all of theirs, detached or not.
 */
export function guardianCommand(guardian: Guardian): string[] {
  return [...orphaning, ...guarding(guardian)];
}

/** Not standard input, which Node closes when the process that it started, and that forks, ends. */
export const wordFd = 3;

/** The same, its PID on the first line of standard output; it waits for a line on `wordFd` before it starts anything. */
export function announcedGuardianCommand(guardian: Guardian): string[] {
  const script = `echo $$; read -r go <&${wordFd} && exec "$@" ${wordFd}<&-`;
  return [...orphaning, "sh", "-c", script, "sh", ...guarding(guardian)];
}

function guarding({ program, lifetime, identity }: Guardian): string[] {
  const terms = [...guardTerms(lifetime), ...standbyTerms(lifetime.standby)];
  return [program, "--guard", ...terms, ...guardOptions({ ...identity }), "--"];
}

function standbyTerms(standby: StandbyGuard | undefined): string[] {
  if (standby === undefined) return [];
  const { root, idleSeconds, pins, memoryFloorBytes, diskFloorBytes } = standby;
  return guardOptions({
    standby: root,
    "idle-seconds": idleSeconds,
    "memory-floor": memoryFloorBytes,
    "disk-floor": diskFloorBytes,
  }).concat(pins.map((path) => `--pin=${path}`));
}

/** The end of a process that is not our child; waiting for it keeps nobody alive. */
export async function endOfStranger(identity: ProcessIdentity): Promise<MachineExit> {
  while (isAlive(identity)) await sleep(watchMs, undefined, { ref: false });
  return { exitCode: null, signal: null, stderrTail: "" };
}
