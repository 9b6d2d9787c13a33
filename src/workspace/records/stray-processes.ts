import { machinePrograms } from "../../drivers/driver.ts";
import { type Lock, tryLock } from "../../platform/lock.ts";
import {
  commandLine,
  killProcess,
  type ProcessIdentity,
  processesHolding,
} from "../../platform/processes.ts";
import type { WorkspaceFiles } from "./workspace-files.ts";

/** Ends the supervisors that hold the workspace in `directory`, and nothing of its machine. */
async function endSupervisors(directory: string): Promise<void> {
  await Promise.all(supervisorsOf(directory).map(killProcess));
}

/** The lock of a workspace, though it be a supervisor's; undefined when anybody else is at work on it. */
export async function lockUnserved({
  lockPath,
  directory,
}: WorkspaceFiles): Promise<Lock | undefined> {
  const attempt = () => tryLock(lockPath).catch(() => undefined);
  const lock = await attempt();
  if (lock !== undefined) return lock;
  await endSupervisors(directory);
  return attempt();
}

/** Ends every process that lives on `directory`, which nobody looks after; throws `vmm_failed` for one that survives. */
export async function endEverythingOn(directory: string): Promise<void> {
  await endSupervisors(directory);
  await Promise.all(processesHolding(directory, machinePrograms).map(killProcess));
}

/** Others have a workspace's lock open too: whoever creates or changes it. */
function supervisorsOf(directory: string): ProcessIdentity[] {
  return processesHolding(directory, ["node"]).filter(
    ({ pid }) => pid !== process.pid && commandLine(pid).startsWith("pyro supervisor "),
  );
}
