import { displayPath, joinPath } from "../../model/byte-path.ts";
import { PyroError } from "../../model/errors.ts";
import { limits } from "../../model/limits.ts";
import { fileReadBytes } from "../../model/machine-options.ts";
import type {
  WorkspaceFileContent,
  WorkspaceFileList,
  WorkspaceFileWritten,
  WorkspaceSync,
} from "../../model/workspace-results.ts";
import { describeContent, listFiles } from "../../trees/describe-files.ts";
import { encodeTree } from "../../trees/encode-tree.ts";
import { openWorkspace } from "../life/connect-workspace.ts";
import type { WorkspaceContext } from "../life/workspace-context.ts";
import type {
  ListFilesOptions,
  ReadFileOptions,
  SyncOptions,
  WriteFileOptions,
} from "../life/workspace-options.ts";
import { openSeedSource } from "../seed/seed-source.ts";
import { changeEvent } from "./change-event.ts";
import { guestPath, treePath } from "./workspace-path.ts";

/** What is in a directory of a workspace now, in the order of names. */
export async function listWorkspaceFiles(
  context: WorkspaceContext,
  id: string,
  { path = "", recursive = false, signal }: ListFilesOptions = {},
): Promise<WorkspaceFileList> {
  const base = treePath(path);
  const { row, client } = await openWorkspace(context, id, "read files");
  const scan = await client.tree.scan(base, { depth: recursive ? undefined : 1, signal });
  const entries = await listFiles(scan, (found) =>
    guestPath(found === "" ? base : joinPath(base, found)),
  );
  return { workspaceId: row.workspaceId, path: guestPath(base), entries };
}

/** The beginning of a file. */
export async function readWorkspaceFile(
  context: WorkspaceContext,
  options: { id: string; path: string } & ReadFileOptions,
): Promise<WorkspaceFileContent> {
  const path = treePath(options.path);
  const max = fileReadBytes(options.maxBytes);
  const { row, client } = await openWorkspace(context, options.id, "read files");
  const { content, size } = await client.tree.read(path, { max, signal: options.signal });
  return {
    workspaceId: row.workspaceId,
    path: guestPath(path),
    ...describeContent(content, size),
  };
}

/** Makes or replaces one file, atomically. */
export async function writeWorkspaceFile(
  context: WorkspaceContext,
  options: { id: string; path: string } & WriteFileOptions,
): Promise<WorkspaceFileWritten> {
  const path = treePath(options.path);
  const content = Buffer.from(options.text as Uint8Array);
  if (content.length > limits.fileWriteBytesMax)
    throw new PyroError(
      "invalid_argument",
      `The text has ${content.length} bytes; ${limits.fileWriteBytesMax} are the limit.`,
      { hint: "Put it into a directory and push that: pyro workspace sync push" },
    );
  const { row, client } = await openWorkspace(context, options.id, "change files");
  const headers = changeEvent("file_write", `wrote ${guestPath(path)} (${content.length} bytes)`);
  const written = await client.tree.write(path, content, { headers, signal: options.signal });
  return { workspaceId: row.workspaceId, path: guestPath(path), ...written };
}

/** Brings a directory or archive of the host into a started workspace. */
export async function pushWorkspaceSync(
  context: WorkspaceContext,
  options: { id: string; source: string } & SyncOptions,
): Promise<WorkspaceSync> {
  const dest = treePath(options.dest ?? "");
  const source = await openSeedSource(options.source, options);
  const { row, client } = await openWorkspace(context, options.id, "change files");
  const text = `pushed ${displayPath(Buffer.from(source.path).toString("latin1"), 400)} to ${guestPath(dest)}`;
  const { items, report } = source.read(options);
  const { entryCount, bytes } = await client.tree.extract(dest, encodeTree(items), {
    headers: changeEvent("sync_push", text),
    signal: options.signal,
  });
  return {
    workspaceId: row.workspaceId,
    source: source.path,
    dest: guestPath(dest),
    entryCount,
    bytes,
    ...report,
  };
}
