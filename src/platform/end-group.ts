import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import type { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { systemErrorCode } from "../model/errors.ts";

/** How long anybody waits for what a program cleans up: twice as long as it takes on a quiet host, and where the disk is busy too short. */
const graceMs = 2_000;

/**
 * Reads what the group `$1` complains of until nobody in it is left to, which a minute must do for. Without a reader, a
 * program could do nothing but take note of that.
 */
const attend = 'timeout 60 cat >/dev/null || kill -s KILL -- "-$1"';

/**
 * Ends a program that has a process group of its own and all that it started. What it cleans up may go on when this
 * settles, and when we have ended: a process that nobody waits for attends to it.
 */
export async function endGroup(child: ChildProcess): Promise<void> {
  // Whoever in the group waits for a reader would not see the signal.
  child.stdout?.destroy();
  signalGroup(child, "SIGTERM");
  const attendant = spawn("sh", ["-c", attend, "sh", String(child.pid)], {
    detached: true,
    stdio: [child.stderr as Readable, "ignore", "ignore"],
  });
  child.stderr?.destroy();
  child.unref();
  attendant.unref();
  await Promise.race([once(attendant, "exit"), sleep(graceMs)]);
}

function signalGroup({ pid }: ChildProcess, name: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, name);
  } catch (error) {
    if (systemErrorCode(error) !== "ESRCH") throw error;
  }
}
