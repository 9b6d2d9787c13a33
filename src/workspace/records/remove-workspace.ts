import { existsSync } from "node:fs";
import { rename } from "node:fs/promises";
import { systemErrorCode } from "../../model/errors.ts";
import { faultPoint } from "../../platform/fault.ts";
import { temporaryNeighbour } from "../../platform/files.ts";
import { killProcess } from "../../platform/processes.ts";
import { removeTree } from "../../platform/remove-tree.ts";
import type { WorkspaceRow } from "../../registry/workspaces.ts";
import { endEverythingOn } from "./stray-processes.ts";
import type { WorkspaceFiles } from "./workspace-files.ts";
import { now, type WorkspaceRecords } from "./workspace-records.ts";
import { legalStates } from "./workspace-states.ts";

/**
 * Ends a workspace's machine and removes everything of it; whoever calls holds its lock, though a VM's may be with whoever starts it. Can be done again after it was
 * cut off anywhere. False when it was gone already.
 */
export async function removeWorkspace(
  records: WorkspaceRecords,
  row: WorkspaceRow,
  { files, reason }: { readonly files: WorkspaceFiles; readonly reason: string },
): Promise<boolean> {
  const { workspaceId } = row;
  records.workspaces.transition(workspaceId, { from: legalStates("delete"), to: "deleting" });
  faultPoint("delete.recorded");
  // From here on it gets no other.
  const { process } = records.workspaces.find(workspaceId) ?? row;
  if (process !== null) await killProcess(process);
  // Nothing else tells of what still runs on files that somebody removed.
  if (!existsSync(files.directory)) await endEverythingOn(files.directory);
  faultPoint("delete.killed");
  await removeDirectory(files.directory);
  faultPoint("delete.removed");
  return records.workspaces.remove(workspaceId, { at: now(), reason });
}

/** Gone from its place at once, so that nobody finds half of it. */
export async function removeDirectory(directory: string): Promise<void> {
  const removed = temporaryNeighbour(directory);
  try {
    await rename(directory, removed);
  } catch (error) {
    if (systemErrorCode(error) === "ENOENT") return;
    throw error;
  }
  await removeTree(removed);
}
