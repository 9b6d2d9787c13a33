import { resolve } from "node:path";
import {
  computeDiffStat,
  type DiffStat,
  type FileStat,
  renderDiffStat,
  statOf,
  totalStat,
} from "../../changes/diff-stat.ts";
import { fileDiffs } from "../../changes/file-diff.ts";
import { patchOmissions } from "../../changes/patch-omissions.ts";
import { renderDiff, renderFileDiff } from "../../changes/render-diff.ts";
import type { TreeChange } from "../../changes/tree-change.ts";
import { displayPath } from "../../model/byte-path.ts";
import { PyroError } from "../../model/errors.ts";
import type {
  WorkspaceChange,
  WorkspaceDiff,
  WorkspaceExport,
  WorkspacePatchExport,
} from "../../model/workspace-results.ts";
import { fileType } from "../../trees/describe-files.ts";
import { runsWhenOpened } from "../../trees/runs-when-opened.ts";
import { writeNewFile } from "../../trees/write-new-file.ts";
import { openWorkspace } from "../life/connect-workspace.ts";
import type { WorkspaceContext } from "../life/workspace-context.ts";
import type {
  DiffOptions,
  ExportPatchOptions,
  StreamDiffOptions,
  StreamedDiff,
} from "../life/workspace-options.ts";
import { now } from "../records/workspace-records.ts";
import { findChanges, type WorkspaceChanges } from "./workspace-changes.ts";

/** More of a diff than this is for a patch file, not for a result. */
const diffTextLengthMax = 16 * 1024 * 1024;

/** What changed since the workspace was created, for people and for `git apply`. */
export async function diffWorkspace(
  context: WorkspaceContext,
  id: string,
  options: DiffOptions = {},
): Promise<WorkspaceDiff> {
  const { row, client } = await openWorkspace(context, id, "read files");
  const found = await findChanges(context, { ...options, row, client });
  let diff = "";
  const stats: FileStat[] = [];
  for await (const one of fileDiffs(found.changes, found.readers)) {
    stats.push(statOf(one));
    for await (const chunk of renderFileDiff(one, "text")) diff += chunk.toString("utf8");
    if (diff.length > diffTextLengthMax) throw tooLong();
  }
  return { workspaceId: row.workspaceId, ...describeChanges(found, totalStat(stats)), diff };
}

/** The text of all changes as the bytes it is, of whatever length, a piece at a time. */
export async function streamWorkspaceDiff(
  context: WorkspaceContext,
  id: string,
  { onData, ...options }: StreamDiffOptions,
): Promise<StreamedDiff> {
  const { row, client } = await openWorkspace(context, id, "read files");
  const { changes, readers } = await findChanges(context, { ...options, row, client });
  for await (const piece of renderDiff(changes, readers)) await onData(piece);
  return { workspaceId: row.workspaceId, fileCount: changes.length };
}

/** The changes with their counts, without their text. */
export async function countChanges(
  found: WorkspaceChanges,
): Promise<Omit<WorkspaceDiff, "workspaceId" | "diff">> {
  return describeChanges(found, await computeDiffStat(found.changes, found.readers));
}

function describeChanges(
  found: WorkspaceChanges,
  stat: DiffStat,
): Omit<WorkspaceDiff, "workspaceId" | "diff"> {
  const byPath = new Map(stat.files.map((file) => [file.path, file]));
  return {
    ...totals(found, stat),
    changes: found.changes.map((change) => describeChange(change, byPath.get(change.path))),
    stat: renderDiffStat(stat),
  };
}

/** Writes the changes as a patch to a new file of the host. */
export async function exportWorkspacePatch(
  context: WorkspaceContext,
  id: string,
  options: ExportPatchOptions,
): Promise<WorkspacePatchExport> {
  const { row, client } = await openWorkspace(context, id, "read files");
  const found = await findChanges(context, { ...options, row, client });
  const outputPath = resolve(options.outputPath);
  const patch = renderDiff(found.changes, { ...found.readers, form: "patch" });
  const bytes = await writeNewFile(outputPath, patch);
  context.records.journal.record({
    workspaceId: row.workspaceId,
    at: now(),
    kind: "export",
    text: `exported the changes as a patch to ${displayPath(Buffer.from(outputPath).toString("latin1"), 400)}`,
  });
  return {
    workspaceId: row.workspaceId,
    outputPath,
    bytes,
    ...totals(found, await computeDiffStat(found.changes, found.readers)),
    omitted: patchOmissions(found.changes).map(({ path, reason }) => ({
      path: displayPath(path, 4096),
      reason,
    })),
    runsWhenOpened: openedAmong(found.changes),
  };
}

/** The changed files that run code when somebody opens them. */
export function openedAmong(changes: readonly TreeChange[]): WorkspaceExport["runsWhenOpened"] {
  return changes
    .filter((change) => change.kind !== "deleted")
    .flatMap(({ path, newType }) => runsWhenOpened({ path, type: newType }) ?? [])
    .map(({ path, why, runs }) => ({ path: displayPath(path, 4096), why, runs, isChanged: true }));
}

function totals(
  { changes }: WorkspaceChanges,
  { insertions, deletions }: DiffStat,
): Pick<WorkspaceDiff, "fileCount" | "insertions" | "deletions"> {
  return { fileCount: changes.length, insertions, deletions };
}

function tooLong(): PyroError {
  return new PyroError("invalid_argument", "The diff has more than 16 MiB of text.", {
    hint: "Name the paths that matter, or write it to a file: pyro workspace export ID --patch FILE",
  });
}

function describeChange(change: TreeChange, stat: FileStat | undefined): WorkspaceChange {
  return {
    path: displayPath(change.path, 4096),
    kind: change.kind,
    oldPath: change.oldPath === undefined ? null : displayPath(change.oldPath, 4096),
    oldMode: octal(change.oldMode),
    newMode: octal(change.newMode),
    type: fileType(change.newType ?? change.oldType),
    isBinary: stat !== undefined && stat.bytes !== null,
    insertions: stat?.insertions ?? 0,
    deletions: stat?.deletions ?? 0,
  };
}

function octal(mode: number | null): string | null {
  return mode === null ? null : mode.toString(8).padStart(4, "0");
}
