import { readdirSync, readFileSync } from "node:fs";
import { identifyProcess, signalProcess } from "./processes.ts";

const name = "pyro-jail";

/** Arguments for bubblewrap by which a jail of ours is told from others. They need `--unshare-uts`. */
export const jailMark = ["--hostname", name] as const;

/**
 * Ends children of bubblewrap that wait forever for a parent that is gone: when whoever starts a jail is killed in the
 * moment between bubblewrap's fork and the word that its child may go on, nothing else ever ends that child. It runs
 * nothing of ours or the guest's, but it holds our files open. Those of other users are theirs to end.
 */
export function endStrandedJails(): void {
  for (const pid of readdirSync("/proc")) {
    if (!/^\d+$/.test(pid) || !isBubblewrap(pid)) continue;
    const identity = identifyProcess(Number(pid));
    if (identity === undefined || !isStranded(pid)) continue;
    try {
      signalProcess(identity, "SIGKILL");
    } catch {
      // It is another user's, or in another container.
    }
  }
}

/** With our mark among its arguments, the first process of its namespace, and with a parent that is no bubblewrap. */
function isStranded(pid: string): boolean {
  try {
    const marked = readFileSync(`/proc/${pid}/cmdline`, "latin1").includes(
      `\0${jailMark.join("\0")}\0`,
    );
    if (!marked) return false;
    const status = readFileSync(`/proc/${pid}/status`, "latin1");
    const namespacePids = /^NSpid:\s*(.*)$/m.exec(status)?.[1]?.split(/\s+/) ?? [];
    const parent = /^PPid:\s*(\d+)$/m.exec(status)?.[1] ?? "";
    return namespacePids.length > 1 && namespacePids.at(-1) === "1" && !isBubblewrap(parent);
  } catch {
    // It ended meanwhile, or is not ours to look at.
    return false;
  }
}

/** By its name, which unlike the path of its program everybody may read of every process. */
function isBubblewrap(pid: string): boolean {
  try {
    return readFileSync(`/proc/${pid}/comm`, "latin1") === "bwrap\n";
  } catch {
    // It ended meanwhile.
    return false;
  }
}
