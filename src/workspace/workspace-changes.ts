import { compareTrees } from "../changes/compare-trees.ts";
import { diffLimits } from "../changes/diff-limits.ts";
import type { FileDiffOptions } from "../changes/file-diff.ts";
import { filterChanges } from "../changes/filter-paths.ts";
import { findRenames } from "../changes/find-renames.ts";
import type { TreeChange } from "../changes/tree-change.ts";
import type { AgentClient } from "../channel/agent-client.ts";
import { displayPath } from "../model/byte-path.ts";
import { PyroError } from "../model/errors.ts";
import type { BytePath } from "../model/tree.ts";
import type { WorkspaceRow } from "../registry/workspaces.ts";
import { Baseline, emptyBaseline } from "../trees/baseline.ts";
import { decodeScan, decodeTree } from "../trees/decode-tree.ts";
import { baselineName, isStored } from "./switch-disk.ts";
import type { WorkspaceContext } from "./workspace-context.ts";
import { treePath } from "./workspace-path.ts";

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
  const isEmpty = baseline.entryCount === 0;
  // Without isolation a snapshot's copies have new change times, so that only digests tell.
  const since = isEmpty || row.imageId === null ? undefined : (row.baselineMark ?? undefined);
  const scan = await client.tree.scan("", { since, digest: !isEmpty, signal });
  const contents = new GuestContents(client, signal);
  // Where everything is new nothing has to be told apart, and asking for each file would take for ever.
  const digestOf = isEmpty ? undefined : (path: BytePath) => contents.digest(path);
  const compared = await compareTrees(baseline.entries, decodeScan(scan), { digestOf });
  const chosen = paths.length === 0 ? compared : filterChanges(compared, paths.map(treePath));
  await contents.prefetch(chosen);
  const readers = {
    readOld: (path: BytePath) => readBaseline(baseline, path),
    readNew: (path: BytePath) => contents.read(path),
  };
  return { changes: await findRenames(chosen, readers), readers };
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

/** Files of the guest as they are now; many small ones are fetched at once. */
class GuestContents {
  readonly #client: AgentClient;
  readonly #signal: AbortSignal | undefined;
  readonly #fetched = new Map<BytePath, Buffer>();

  constructor(client: AgentClient, signal: AbortSignal | undefined) {
    this.#client = client;
    this.#signal = signal;
  }

  /** Fetches what a diff of `changes` will read, as far as that is small. */
  async prefetch(changes: readonly TreeChange[]): Promise<void> {
    let room = prefetchBytesMax;
    const paths = changes.flatMap((change) => {
      const isWanted = change.newType === "file" && change.size <= Math.min(room, smallBytesMax);
      if (isWanted) room -= change.size;
      return isWanted ? [change.path] : [];
    });
    if (paths.length === 0) return;
    const stream = await this.#client.tree.archive("", { paths, signal: this.#signal });
    for await (const { entry, content } of decodeTree(stream, { parentsRequired: false })) {
      if (entry.type !== "file" || content === undefined || entry.size > smallBytesMax) continue;
      const pieces: Buffer[] = [];
      for await (const piece of content)
        pieces.push(Buffer.isBuffer(piece) ? piece : Buffer.alloc(piece.holeBytes));
      this.#fetched.set(entry.path, Buffer.concat(pieces));
    }
  }

  async read(path: BytePath): Promise<Buffer> {
    const fetched = this.#fetched.get(path);
    if (fetched !== undefined) return fetched;
    const { content, size } = await this.#client.tree.read(path, {
      max: diffLimits.contentBytes,
      signal: this.#signal,
    });
    // A file that grew meanwhile is whole all the same.
    if (content.length >= size) return content;
    throw new PyroError(
      "workspace_path_conflict",
      `${displayPath(path)} changed while it was read: ${content.length} of ${size} bytes came.`,
      { hint: "Try again when nothing writes to it, or name the other paths." },
    );
  }

  /** The digest the guest has of one file. */
  async digest(path: BytePath): Promise<string | undefined> {
    const scan = await this.#client.tree.scan(path, { digest: true, signal: this.#signal });
    for await (const entry of decodeScan(scan)) return entry.digest ?? undefined;
    return undefined;
  }
}

const smallBytesMax = 1024 * 1024;
const prefetchBytesMax = 32 * 1024 * 1024;
