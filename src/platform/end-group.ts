import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import type { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { systemErrorCode } from "../model/errors.ts";

/** How long anybody waits for what is left to be removed; it takes half of that on a quiet host, and ever so long where the disk is busy. */
const graceMs = 2_000;

/**
 * Reads what the group `$1` complains of until nobody in it is left to, which a minute must do for, and then removes the
 * directory `$2`. Without a reader, a program could do nothing but take note of that.
 */
const sweep = `timeout 60 cat >/dev/null || { kill -s KILL -- "-$1"; timeout 5 cat >/dev/null; }
test -z "$2" || exec rm -rf --one-file-system -- "$2"`;

/**
 * Ends a program that has a process group of its own and all that it started. What it cleans up, and the removal of its
 * directory, may go on when this settles, and when we have ended: a process that nobody waits for sees to it.
 */
export async function endGroup(child: ChildProcess, directory: string | undefined): Promise<void> {
  // Whoever in the group waits for a reader would not see the signal.
  child.stdout?.destroy();
  signalGroup(child, "SIGTERM");
  const arguments_ = [String(child.pid), directory ?? ""];
  const sweeper = spawn("sh", ["-c", sweep, "sh", ...arguments_], {
    detached: true,
    stdio: [child.stderr as Readable, "ignore", "ignore"],
  });
  child.stderr?.destroy();
  child.unref();
  sweeper.unref();
  await Promise.race([once(sweeper, "exit"), sleep(graceMs)]);
}

/** Removes a directory and nothing that a program mounted in it. */
export async function removeMountedTree(path: string): Promise<void> {
  const removing = spawn("rm", ["-rf", "--one-file-system", "--", path], { stdio: "ignore" });
  await once(removing, "exit");
}

function signalGroup({ pid }: ChildProcess, name: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, name);
  } catch (error) {
    if (systemErrorCode(error) !== "ESRCH") throw error;
  }
}
