import { mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import { machinePrograms } from "../drivers/driver.ts";
import { isAbandoned } from "../platform/files.ts";
import { killProcess, processesHolding } from "../platform/processes.ts";
import { settleAll } from "./find-workspace.ts";
import { removeDirectory } from "./remove-workspace.ts";
import type { WorkspaceContext } from "./workspace-context.ts";
import { workspacesDirectory } from "./workspace-files.ts";

/** Finishes what killed processes began and deletes what is expired or belongs to nobody. Answers how many directories went. */
export async function sweepWorkspaces(context: WorkspaceContext): Promise<number> {
  await settleAll(context);
  return removeOrphans(context);
}

/** Directories without a row: looked for on the disk, because a row that was lost tells nothing. */
async function removeOrphans(context: WorkspaceContext): Promise<number> {
  const root = workspacesDirectory(context.host.config.stateDirectory);
  await mkdir(root, { recursive: true, mode: 0o700 });
  let removed = 0;
  for (const name of await readdir(root)) {
    // Rows are written before directories are made, so that what has none is no one's.
    const isOrphan = name.endsWith(".partial")
      ? isAbandoned(name)
      : context.records.workspaces.find(name) === undefined;
    if (!isOrphan) continue;
    const holders = processesHolding(join(root, name), machinePrograms);
    const ended = await Promise.allSettled(holders.map(killProcess));
    // What a process that survives holds is left to the next sweep.
    if (ended.some(({ status }) => status === "rejected")) continue;
    await removeDirectory(join(root, name));
    removed++;
  }
  return removed;
}
