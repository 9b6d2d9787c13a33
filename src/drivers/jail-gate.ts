import { readdirSync, readFileSync } from "node:fs";
import { identifyProcess, signalProcess } from "../platform/processes.ts";

/** Standard input would be closed for us as soon as whoever starts the jail has done so. */
export const gateFd = 4;

const script = `echo && read -r go <&${gateFd} && input=$1 && shift && exec "$@" < "$input" > /dev/null ${gateFd}<&-`;

/**
 * Says that the jail stands and waits for our word before the monitor starts. When we die meanwhile, its pipe ends
 * instead: bubblewrap ties its child to its own life only once the jail stands, and would leave it behind.
 */
export function gateCommand(stdin = "/dev/null"): string[] {
  return ["/bin/sh", "-c", script, "sh", stdin];
}

/**
 * Ends children of bubblewrap that wait forever for a parent that is gone: when whoever starts a jail is killed in the
 * moment between bubblewrap's fork and the word that its child may go on, nothing else ever ends that child. It runs
 * nothing of ours or the guest's, but it holds the machine's files open.
 */
export function endStrandedJails(): void {
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name) || !isBubblewrap(name)) continue;
    const identity = identifyProcess(Number(name));
    if (identity !== undefined && isStranded(name)) signalProcess(identity, "SIGKILL");
  }
}

/** With our gate among its arguments, the first process of its namespace, and with a parent that is no bubblewrap. */
function isStranded(pid: string): boolean {
  try {
    if (!readFileSync(`/proc/${pid}/cmdline`, "latin1").includes(`\0${script}\0`)) return false;
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
