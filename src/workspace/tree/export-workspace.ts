import { resolve } from "node:path";
import { displayPath, fromUtf8, joinPath } from "../../model/byte-path.ts";
import { cancellation } from "../../model/errors.ts";
import type { WorkspaceExport } from "../../model/workspace-results.ts";
import { faultPoint } from "../../platform/fault.ts";
import type { WorkspaceRow } from "../../registry/workspaces.ts";
import { Baseline } from "../../trees/baseline.ts";
import { decodeTree } from "../../trees/decode-tree.ts";
import { type WrittenTree, writeTree } from "../../trees/write-tree.ts";
import { openWorkspace } from "../life/connect-workspace.ts";
import { baselineName, isStored } from "../life/switch-disk.ts";
import type { WorkspaceContext } from "../life/workspace-context.ts";
import type { ExportOptions } from "../life/workspace-options.ts";
import { now } from "../records/workspace-records.ts";
import { reportingItems } from "../seed/report-items.ts";
import { guestPath, treePath } from "./workspace-path.ts";

/** Brings one file or directory back to the host: complete, or not at all. */
export async function exportWorkspace(
  context: WorkspaceContext,
  options: { id: string; path: string } & ExportOptions,
): Promise<WorkspaceExport> {
  const path = treePath(options.path);
  const outputPath = resolve(options.outputPath);
  const { row, client } = await openWorkspace(context, options.id, "read files");
  const stream = await client.tree.archive(path, { signal: options.signal });
  const items = reportingItems(decodeTree(stream), "writing", options.onProgress);
  const written = await writeTree(items, {
    destination: outputPath,
    sourcePath: path,
    leaveOutSelfRunning: options.leaveOutSelfRunning,
    signal: options.signal,
  }).catch((error: unknown) => {
    throw options.signal?.aborted ? cancellation(options.signal.reason) : error;
  });
  faultPoint("export.written");
  context.records.journal.record({
    workspaceId: row.workspaceId,
    at: now(),
    kind: "export",
    text: `exported ${guestPath(path)} to ${displayPath(fromUtf8(outputPath), 400)}`,
  });
  return {
    workspaceId: row.workspaceId,
    path: guestPath(path),
    outputPath,
    entryCount: written.entryCount,
    bytes: written.bytes,
    skipped: written.skipped.map((one) => ({ path: displayPath(one.path), reason: one.reason })),
    strippedCount: written.strippedCount,
    leavingLinks: written.leavingLinks.map((link) => displayPath(link, 4096)),
    changedWhileRead: written.changedWhileRead.map((file) => displayPath(file, 4096)),
    runsWhenOpened: await describeOpened(context, row, { written, path }),
  };
}

/** The files that run when opened, held against the baseline by the bytes that arrived. */
async function describeOpened(
  context: WorkspaceContext,
  row: WorkspaceRow,
  { written, path: base }: { written: WrittenTree; path: string },
): Promise<WorkspaceExport["runsWhenOpened"]> {
  const opened = written.runsWhenOpened;
  if (opened.length === 0) return [];
  const before = isStored(row, baselineName)
    ? (await Baseline.open(context.files(row.workspaceId).baselineDirectory)).entries
    : undefined;
  return opened.map(({ path, why, runs }) => {
    const digest = written.digests.get(path);
    // A file on its own has no name in its tree; what it is called in the workspace tells.
    const known = before?.get(path === "" ? base : joinPath(base, path))?.digest;
    const isChanged = digest === undefined || digest !== known;
    return { path: displayPath(path === "" ? base : path, 4096), why, runs, isChanged };
  });
}
