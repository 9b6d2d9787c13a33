import { isUtf8 } from "node:buffer";
import { displayPath, joinPath } from "../../model/byte-path.ts";
import { PyroError } from "../../model/errors.ts";
import { limits } from "../../model/limits.ts";
import { fileReadBytes } from "../../model/machine-options.ts";
import type { TreeEntry } from "../../model/tree.ts";
import type {
  WorkspaceFile,
  WorkspaceFileContent,
  WorkspaceFileList,
  WorkspaceFileWritten,
  WorkspaceSync,
} from "../../model/workspace-results.ts";
import { decodeScan } from "../../trees/decode-tree.ts";
import { encodeTree } from "../../trees/encode-tree.ts";
import type { TreeLimits } from "../../trees/tree-checks.ts";
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

/** A list is held in memory. */
const listLimits: TreeLimits = {
  entriesMax: 110_000,
  nameBytesMax: 8 * 1024 * 1024,
  tooMuch: (what) =>
    new PyroError("invalid_argument", `There is too much for a list: ${what}.`, {
      hint: "List a directory of it, or without what is below.",
    }),
};

/** What is in a directory of a workspace now, in the order of names. */
export async function listWorkspaceFiles(
  context: WorkspaceContext,
  id: string,
  { path = "", recursive = false, signal }: ListFilesOptions = {},
): Promise<WorkspaceFileList> {
  const base = treePath(path);
  const { row, client } = await openWorkspace(context, id, "read files");
  const scan = await client.tree.scan(base, { depth: recursive ? undefined : 1, signal });
  const entries: WorkspaceFile[] = [];
  for await (const entry of decodeScan(scan, listLimits)) entries.push(describeEntry(entry, base));
  entries.sort((a, b) => (a.path < b.path ? -1 : 1));
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
    size,
    text: content.toString("utf8"),
    base64: isUtf8(content) ? null : content.toString("base64"),
    truncated: content.length < size,
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

function describeEntry(entry: TreeEntry, base: string): WorkspaceFile {
  return {
    path: guestPath(entry.path === "" ? base : joinPath(base, entry.path)),
    type: fileType(entry.type),
    size: entry.size,
    mode: entry.mode.toString(8).padStart(4, "0"),
    modifiedAt: timeText(entry.mtimeNs),
    linkTarget: entry.type === "symlink" ? displayPath(entry.target, 4096) : null,
  };
}

/** The kinds of entry that people tell apart. */
export function fileType(type: TreeEntry["type"] | null): WorkspaceFile["type"] {
  switch (type) {
    case "file":
    case "hardlink":
      return "file";
    case "directory":
    case "symlink":
      return type;
    default:
      return "other";
  }
}

/** A time as text; a guest may claim one that is no date. */
function timeText(mtimeNs: bigint): string {
  const date = new Date(Number(mtimeNs / 1_000_000n));
  return Number.isNaN(date.getTime()) ? "unknown" : date.toISOString();
}
