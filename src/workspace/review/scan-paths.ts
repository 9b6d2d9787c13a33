import { makePathFilter } from "../../changes/filter-paths.ts";
import type { AgentClient } from "../../channel/agent-client.ts";
import { joinPath, parentPath } from "../../model/byte-path.ts";
import { asPyroError } from "../../model/errors.ts";
import type { BytePath, TreeEntry } from "../../model/tree.ts";
import { decodeScan } from "../../trees/decode-tree.ts";
import type { TreeLimits } from "../../trees/tree-checks.ts";

export interface PathScanOptions {
  /** Of all the paths together. */
  readonly limits: Required<Pick<TreeLimits, "entriesMax" | "nameBytesMax" | "tooMuch">>;
  /** Whether to compute the digests of files. */
  readonly digest: boolean;
  readonly signal?: AbortSignal | undefined;
}

/** What is at and below some paths of a workspace's tree, none of which need exist, each entry with its path in the whole tree. */
export async function* scanPaths(
  client: AgentClient,
  paths: readonly BytePath[],
  { limits, digest, signal }: PathScanOptions,
): AsyncGenerator<TreeEntry> {
  let { entriesMax, nameBytesMax } = limits;
  for (const path of outermost(paths)) {
    if (!(await isThere(client, path, signal))) continue;
    const left = { ...limits, entriesMax, nameBytesMax };
    let isDirectory = true;
    const scan = await client.tree.scan(path, { digest, signal });
    for await (const entry of decodeScan(scan, left)) {
      if (entry.path === "") isDirectory = false;
      entriesMax--;
      nameBytesMax -= entry.path.length + entry.target.length;
      yield placedBelow(path, entry);
    }
    // A scan of a directory says nothing of itself.
    const own = isDirectory ? await ownEntry(client, path, signal) : undefined;
    if (own !== undefined) yield own;
  }
}

/** Those that lie below no other. */
function outermost(paths: readonly BytePath[]): BytePath[] {
  return [...new Set(paths)].filter(
    (path) => !makePathFilter(paths.filter((other) => other !== path))(path),
  );
}

function placedBelow(base: BytePath, entry: TreeEntry): TreeEntry {
  const path = entry.path === "" ? base : joinPath(base, entry.path);
  return entry.type === "hardlink"
    ? { ...entry, path, target: joinPath(base, entry.target) }
    : { ...entry, path };
}

/** Whether there is such an entry, and all above it are directories. */
async function isThere(
  client: AgentClient,
  path: BytePath,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const components = path.split("/");
  for (let length = 1; length <= components.length; length++) {
    const at = components.slice(0, length).join("/");
    const isDirectory = await looksLikeDirectory(client, at, signal);
    if (isDirectory === undefined) return false;
    if (!isDirectory) return length === components.length;
  }
  return true;
}

/** Undefined where nothing is. */
async function looksLikeDirectory(
  client: AgentClient,
  path: BytePath,
  signal: AbortSignal | undefined,
): Promise<boolean | undefined> {
  try {
    const scan = await client.tree.scan(path, { depth: 1, signal });
    for await (const entry of decodeScan(scan)) return entry.path !== "";
    return true;
  } catch (error) {
    if (asPyroError(error).code === "workspace_path_not_found") return undefined;
    throw error;
  }
}

/** A directory's own entry, which only the one above it tells. */
async function ownEntry(
  client: AgentClient,
  path: BytePath,
  signal: AbortSignal | undefined,
): Promise<TreeEntry | undefined> {
  const above = parentPath(path);
  const scan = await client.tree.scan(above, { depth: 1, signal });
  for await (const entry of decodeScan(scan)) {
    const found = placedBelow(above, entry);
    if (found.path === path) return found;
  }
  return undefined;
}
