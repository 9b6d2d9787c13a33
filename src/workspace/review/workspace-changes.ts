import { compareTrees } from "../../changes/compare-trees.ts";
import { diffLimits } from "../../changes/diff-limits.ts";
import type { FileDiffOptions } from "../../changes/file-diff.ts";
import { filterChanges, makePathFilter } from "../../changes/filter-paths.ts";
import { findRenames } from "../../changes/find-renames.ts";
import type { TreeChange } from "../../changes/tree-change.ts";
import type { AgentClient } from "../../channel/agent-client.ts";
import { displayPath } from "../../model/byte-path.ts";
import { PyroError } from "../../model/errors.ts";
import type { BytePath, TreeEntry } from "../../model/tree.ts";
import type { WorkspaceRow } from "../../registry/workspaces.ts";
import { Baseline, type BaselineEntry, emptyBaseline } from "../../trees/baseline.ts";
import { decodeScan } from "../../trees/decode-tree.ts";
import { baselineName, isStored } from "../life/switch-disk.ts";
import type { WorkspaceContext } from "../life/workspace-context.ts";
import { treePath } from "../tree/workspace-path.ts";
import { GuestContents } from "./guest-contents.ts";
import { type PathScanOptions, scanPaths } from "./scan-paths.ts";

/** What differs from the baseline now, with the means to read both sides. */
export interface WorkspaceChanges {
  readonly changes: readonly TreeChange[];
  readonly readers: FileDiffOptions;
}

export interface ChangesRequest {
  readonly row: WorkspaceRow;
  readonly client: AgentClient;
  readonly paths?: readonly string[] | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Compares a workspace's tree with its baseline. Nothing of it runs, and no git. */
export async function findChanges(
  context: WorkspaceContext,
  { row, client, paths = [], signal }: ChangesRequest,
): Promise<WorkspaceChanges> {
  const baseline = await baselineOf(context, row);
  const contents = new GuestContents(client, signal);
  const request = { row, client, signal, baseline, contents, paths: paths.map(treePath) };
  const chosen = await compareAll(request).catch((error: unknown) => {
    const canBeLess = request.paths.length > 0 && !request.paths.includes("");
    if (error instanceof TooMuchForDiff && canBeLess) return compareNamed(request);
    throw error;
  });
  contents.expect(chosen);
  const readers = {
    readOld: (path: BytePath) => readBaseline(baseline, path),
    readNew: (path: BytePath, bytesMax: number) => contents.read(path, bytesMax),
  };
  return { changes: await findRenames(chosen, readers), readers };
}

interface Comparison extends Pick<ChangesRequest, "row" | "client" | "signal"> {
  readonly baseline: Baseline;
  readonly contents: GuestContents;
  readonly paths: readonly BytePath[];
}

/** Looks at the whole tree, so that what moved into or out of the named paths is found again. */
async function compareAll(comparison: Comparison): Promise<TreeChange[]> {
  const { row, client, baseline, contents, paths, signal } = comparison;
  const isEmpty = baseline.entryCount === 0;
  // Without isolation a snapshot's copies have new change times, so that only digests tell.
  const since = isEmpty || row.imageId === null ? undefined : (row.baselineMark ?? undefined);
  const scan = await client.tree.scan("", { since, digest: !isEmpty, signal });
  // Where everything is new nothing has to be told apart, and asking for each file would take for ever.
  const digestOf = isEmpty ? undefined : (path: BytePath) => contents.digest(path);
  const count = new NewEntries(baseline.entries);
  const entries = count.through(decodeScan(scan, scanLimits(baseline.entries)));
  const compared = await compareTrees(baseline.entries, entries, { digestOf }).catch((error) => {
    throw error instanceof TooMuchForDiff ? count.tell(error) : error;
  });
  return paths.length === 0 ? compared : filterChanges(compared, paths);
}

/** Looks at the named paths alone, in a tree that is too large as a whole. */
async function compareNamed(comparison: Comparison): Promise<TreeChange[]> {
  const { client, baseline, paths, signal } = comparison;
  const before = entriesAt(baseline.entries, paths);
  const limits = scanLimits(before);
  const entries = scanPaths(client, paths, { limits, digest: baseline.entryCount > 0, signal });
  return compareTrees(before, entries);
}

/** What a baseline has at and below some paths; a further name of a file elsewhere is the file. */
function entriesAt(
  entries: Baseline["entries"],
  paths: readonly BytePath[],
): ReadonlyMap<BytePath, BaselineEntry> {
  const isNamed = makePathFilter(paths);
  const found = new Map<BytePath, BaselineEntry>();
  for (const [path, entry] of entries) {
    if (!isNamed(path)) continue;
    const file = entry.type === "hardlink" ? entries.get(entry.target) : undefined;
    found.set(path, file === undefined ? entry : { ...file, path });
  }
  return found;
}

class TooMuchForDiff extends PyroError {}

const tellingMax = 3;

/** What a tree has that its baseline has not, counted by the directory at the top while it is read. */
class NewEntries {
  readonly #before: ReadonlyMap<BytePath, unknown>;
  readonly #counts = new Map<BytePath, number>();

  constructor(before: ReadonlyMap<BytePath, unknown>) {
    this.#before = before;
  }

  async *through(entries: AsyncIterable<TreeEntry>): AsyncGenerator<TreeEntry> {
    for await (const entry of entries) {
      if (!this.#before.has(entry.path)) {
        const [top = ""] = entry.path.split("/", 1);
        this.#counts.set(top, (this.#counts.get(top) ?? 0) + 1);
      }
      yield entry;
    }
  }

  /** The same error with where most of it was found. */
  tell(error: TooMuchForDiff): TooMuchForDiff {
    const most = [...this.#counts].sort(([, a], [, b]) => b - a).slice(0, tellingMax);
    const named = most.map(([path, count]) => `${displayPath(path)} (${count})`).join(", ");
    const text = `${error.message} Most of what is new, as far as it was read: ${named}.`;
    return new TooMuchForDiff(error.code, text, { hint: error.hint });
  }
}

/** What a guest may say beyond what the host knows already. */
function scanLimits(entries: Baseline["entries"]): PathScanOptions["limits"] {
  let nameBytes = diffLimits.newNameBytes;
  for (const { path, target } of entries.values()) nameBytes += path.length + target.length;
  return {
    entriesMax: entries.size + diffLimits.newEntries,
    nameBytesMax: nameBytes,
    tooMuch: (what) =>
      new TooMuchForDiff("invalid_argument", `There is too much for a diff: ${what}.`, {
        hint: "Name the files and directories that matter, or remove what a build can make again.",
      }),
  };
}

async function baselineOf(context: WorkspaceContext, row: WorkspaceRow): Promise<Baseline> {
  if (!isStored(row, baselineName)) return emptyBaseline();
  return Baseline.open(context.files(row.workspaceId).baselineDirectory);
}

async function readBaseline(baseline: Baseline, path: BytePath): Promise<Buffer> {
  const entry = baseline.entries.get(path);
  if (entry !== undefined) return baseline.read(entry, diffLimits.contentBytes);
  throw new PyroError("internal", "A path was asked for that the baseline has not.");
}
