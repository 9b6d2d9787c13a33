import { existsSync } from "node:fs";
import { mkdir, readdir } from "node:fs/promises";
import { isId, kindOf, type WorkspaceKind } from "../../model/workspace-names.ts";
import { isAbandoned } from "../../platform/files.ts";
import { moveToLost } from "../records/lost-directories.ts";
import { isMisfortune } from "../records/misfortune.ts";
import { removeDirectory } from "../records/remove-workspace.ts";
import { endEverythingOn, lockUnserved } from "../records/stray-processes.ts";
import { type WorkspaceFiles, workspacesDirectory } from "../records/workspace-files.ts";
import { settleAll } from "./find-workspace.ts";
import type { WorkspaceContext } from "./workspace-context.ts";

/** Finishes what killed processes began and deletes what is expired or belongs to nobody. Answers how many directories went. */
export async function sweepWorkspaces(
  context: WorkspaceContext,
  kind: WorkspaceKind = "workspace",
): Promise<number> {
  await settleAll(context, kind);
  const root = workspacesDirectory(context.host.config.stateDirectory, kind);
  await mkdir(root, { recursive: true, mode: 0o700 });
  let removed = 0;
  for (const name of await readdir(root)) if (await sweepDirectory(context, name)) removed++;
  return removed;
}

/** Looked for on the disk, because a row that was lost tells nothing. */
async function sweepDirectory(context: WorkspaceContext, name: string): Promise<boolean> {
  const files = context.files(name);
  if (name.endsWith(".partial")) return isAbandoned(name) && (await remove(files));
  // Rows are written before directories are made, and what a directory tells of was registered just now.
  const isOrphan = isId(name, kindOf(name)) && context.records.workspaces.find(name) === undefined;
  if (!isOrphan) return false;
  // Whoever serves it does so for another registry.
  using lock = await lockUnserved(files);
  if (lock === undefined) return false;
  if (!holdsAnything(files)) return remove(files);
  await endEverythingOn(files.directory);
  await moveToLost(context.host.config.stateDirectory, files.directory);
  return false;
}

/** False when a process that survives holds it: it is left to the next sweep. */
async function remove({ directory }: WorkspaceFiles): Promise<boolean> {
  try {
    await endEverythingOn(directory);
  } catch (error) {
    if (isMisfortune(error)) return false;
    throw error;
  }
  await removeDirectory(directory);
  return true;
}

/** Whether there is anything that a user may want to have again. */
function holdsAnything(files: WorkspaceFiles): boolean {
  const { diskPath, rootDirectory, nextDiskPath, baselineDirectory, snapshotsDirectory } = files;
  const kept = [diskPath, rootDirectory, nextDiskPath, baselineDirectory, snapshotsDirectory];
  return kept.some((path) => existsSync(path));
}
