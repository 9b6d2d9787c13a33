import { describeHunkResult } from "../../changes/apply-hunks.ts";
import { parsePatch } from "../../changes/parse-patch.ts";
import type { PlannedChange } from "../../changes/plan-file.ts";
import { planPatch } from "../../changes/plan-patch.ts";
import type { PatchTarget } from "../../changes/planned-tree.ts";
import type { AgentClient } from "../../channel/agent-client.ts";
import { baseName, displayPath, parentPath } from "../../model/byte-path.ts";
import { asPyroError, type ErrorCode, PyroError } from "../../model/errors.ts";
import type { BytePath } from "../../model/tree.ts";
import type { PatchedFile, WorkspacePatched } from "../../model/workspace-results.ts";
import { decodeTree } from "../../trees/decode-tree.ts";
import { openWorkspace } from "../life/connect-workspace.ts";
import type { WorkspaceContext } from "../life/workspace-context.ts";
import type { ApplyPatchOptions } from "../life/workspace-options.ts";
import { changeEvent } from "./change-event.ts";

/** Files that a patch touches are held in memory while it is planned. */
const fileBytesMax = 64 * 1024 * 1024;
/** Somebody else may change a file between our look at it and our edit. */
const attemptMax = 3;

/** Applies one patch to a workspace: all of it, or nothing. */
export async function applyWorkspacePatch(
  context: WorkspaceContext,
  id: string,
  { patch, signal }: ApplyPatchOptions,
): Promise<WorkspacePatched> {
  const patches = parsePatch(Buffer.from(patch as Uint8Array));
  const { row, client } = await openWorkspace(context, id, "change files");
  for (let attempt = 1; ; attempt++) {
    const plan = await planPatch(patches, (path) => readTarget(client, path, signal));
    try {
      const headers = changeEvent("patch", eventText(plan.changes));
      if (plan.operations.length > 0) await client.tree.edit(plan.operations, { headers, signal });
      return { workspaceId: row.workspaceId, files: plan.changes.map(describeChange) };
    } catch (error) {
      const isStale = asPyroError(error).code === "workspace_path_conflict";
      if (!isStale || attempt === attemptMax) throw error;
    }
  }
}

/** Nothing is there, or nothing can be: a file or link stands where a directory would have to. */
const absences: readonly ErrorCode[] = ["workspace_path_not_found", "workspace_path_conflict"];

/** What is at a path, no link followed; undefined when nothing is. */
async function readTarget(
  client: AgentClient,
  path: BytePath,
  signal: AbortSignal | undefined,
): Promise<PatchTarget | undefined> {
  try {
    const stream = await client.tree.archive(parentPath(path), {
      paths: [baseName(path)],
      signal,
    });
    for await (const { entry, content } of decodeTree(stream, {
      entriesMax: 1,
      parentsRequired: false,
    })) {
      const { type, mode } = entry;
      if (type === "symlink") return { type, mode, content: Buffer.from(entry.target, "latin1") };
      if (entry.size > fileBytesMax)
        throw new PyroError("patch_refused", `${displayPath(path)} is too large to be patched.`);
      return { type, mode, content: content ? await collect(content) : Buffer.alloc(0) };
    }
    return undefined;
  } catch (error) {
    if (absences.includes(asPyroError(error).code)) return undefined;
    throw error;
  }
}

async function collect(content: AsyncIterable<Buffer | { holeBytes: number }>): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of content)
    pieces.push(Buffer.isBuffer(piece) ? Buffer.from(piece) : Buffer.alloc(piece.holeBytes));
  return Buffer.concat(pieces);
}

const kinds = {
  added: "added",
  modified: "modified",
  deleted: "deleted",
  renamed: "renamed",
  copied: "added",
  mode: "mode_changed",
} as const satisfies Record<PlannedChange["kind"], PatchedFile["kind"]>;

function describeChange(change: PlannedChange): PatchedFile {
  return {
    path: displayPath(change.path, 4096),
    kind: kinds[change.kind],
    oldPath: change.oldPath === undefined ? null : displayPath(change.oldPath, 4096),
    notes: [
      ...change.hunks
        .filter(({ offset, fuzz, remark }) => offset !== 0 || fuzz > 0 || remark !== undefined)
        .map(describeHunkResult),
      ...(change.lineEndsAdapted ? ["its line ends were kept, though the patch has others"] : []),
      ...(change.endsNewly ? ["it had no newline at its end, and has one now"] : []),
    ],
  };
}

function eventText(changes: readonly PlannedChange[]): string {
  const names = changes.slice(0, 5).map(({ path }) => displayPath(path, 80));
  const more = changes.length > names.length ? ` and ${changes.length - names.length} more` : "";
  return `patched ${names.join(", ")}${more}`;
}
