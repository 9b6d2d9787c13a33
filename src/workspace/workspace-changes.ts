import { compareTrees } from "../changes/compare-trees.ts";
import { diffLimits } from "../changes/diff-limits.ts";
import type { FileDiffOptions } from "../changes/file-diff.ts";
import { filterChanges } from "../changes/filter-paths.ts";
import { findRenames } from "../changes/find-renames.ts";
import type { TreeChange } from "../changes/tree-change.ts";
import type { AgentClient } from "../channel/agent-client.ts";
import { PyroError } from "../model/errors.ts";
import type { BytePath } from "../model/tree.ts";
import type { WorkspaceRow } from "../registry/workspaces.ts";
import { Baseline, emptyBaseline } from "../trees/baseline.ts";
import { decodeScan } from "../trees/decode-tree.ts";
import type { TreeLimits } from "../trees/tree-checks.ts";
import { GuestContents } from "./guest-contents.ts";
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
  const entries = decodeScan(scan, scanLimits(baseline));
  const compared = await compareTrees(baseline.entries, entries, { digestOf });
  const chosen = paths.length === 0 ? compared : filterChanges(compared, paths.map(treePath));
  contents.expect(chosen);
  const readers = {
    readOld: (path: BytePath) => readBaseline(baseline, path),
    readNew: (path: BytePath, bytesMax: number) => contents.read(path, bytesMax),
  };
  return { changes: await findRenames(chosen, readers), readers };
}

/** What a guest may say beyond what the host knows already. */
function scanLimits(baseline: Baseline): TreeLimits {
  let nameBytes = diffLimits.newNameBytes;
  for (const { path, target } of baseline.entries.values())
    nameBytes += path.length + target.length;
  return {
    entriesMax: baseline.entryCount + diffLimits.newEntries,
    nameBytesMax: nameBytes,
    tooMuch: (what) =>
      new PyroError("invalid_argument", `There is too much for a diff: ${what}.`, {
        hint: "Remove what a build can make again, or export the directories that matter.",
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
