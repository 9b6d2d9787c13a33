import { joinPath, parentPath } from "../../model/byte-path.ts";
import { PyroError } from "../../model/errors.ts";
import { fileReadBytes } from "../../model/machine-options.ts";
import type { BytePath } from "../../model/tree.ts";
import type { WorkspaceFileContent, WorkspaceFileList } from "../../model/workspace-results.ts";
import type { WorkspaceRow } from "../../registry/workspaces.ts";
import { describeContent, listFiles } from "../../trees/describe-files.ts";
import type { WorkspaceContext } from "../life/workspace-context.ts";
import type { ListDiskOptions, ReadDiskOptions } from "../life/workspace-options.ts";
import { nameOf } from "../records/workspace-states.ts";
import { rootPath, shownRootPath } from "./disk-path.ts";
import { findStopped, lookAtDisk } from "./look-at-disk.ts";

/** What is in a directory of a stopped workspace's disk, in the order of names. */
export async function listWorkspaceDisk(
  context: WorkspaceContext,
  id: string,
  { path = "", recursive = false, ...options }: ListDiskOptions = {},
): Promise<WorkspaceFileList> {
  const base = rootPath(path);
  const row = await findStopped(context, id);
  const entries = await lookAtDisk(context, { row, ...options }, async ({ tree }) => {
    const depth = recursive ? undefined : 1;
    const scan = await tree.scan(base, { depth, signal: options.signal });
    return listFiles(scan, (found) => shownRootPath(found === "" ? base : joinPath(base, found)));
  }).catch((error: unknown) => {
    throw namingPath(error, row, base);
  });
  return { workspaceId: row.workspaceId, path: shownRootPath(base), entries };
}

/** The beginning of a file on a stopped workspace's disk. */
export async function readWorkspaceDisk(
  context: WorkspaceContext,
  { id, path: given, maxBytes, ...options }: { id: string; path: string } & ReadDiskOptions,
): Promise<WorkspaceFileContent> {
  const path = rootPath(given);
  const max = fileReadBytes(maxBytes);
  const row = await findStopped(context, id);
  const { content, size } = await lookAtDisk(context, { row, ...options }, ({ tree }) =>
    tree.read(path, { max, signal: options.signal }),
  ).catch((error: unknown) => {
    throw namingPath(error, row, path);
  });
  return {
    workspaceId: row.workspaceId,
    path: shownRootPath(path),
    ...describeContent(content, size),
  };
}

/** A guest knows neither the workspace nor where its own root is. */
function namingPath(error: unknown, row: WorkspaceRow, path: BytePath): unknown {
  if (!(error instanceof PyroError) || error.code !== "workspace_path_not_found") return error;
  const [named, shown] = [nameOf(row), shownRootPath(path)];
  return new PyroError(error.code, `The disk of workspace ${named} has no "${shown}".`, {
    hint: `See what is there: pyro workspace disk list ${named} ${shownRootPath(parentPath(path))}`,
    cause: error,
  });
}
