import { removeTree } from "../../platform/remove-tree.ts";
import type { WorkspaceRow } from "../../registry/workspaces.ts";
import { now } from "../records/workspace-records.ts";
import type { WorkspaceContext } from "./workspace-context.ts";
import { storageOf } from "./workspace-machine.ts";

/** The snapshot that every workspace has from its creation. */
export const baselineName = "baseline";

/** Whether there is anything to put in place: the baseline of a workspace that began empty is no disk at all. */
export function isStored(row: WorkspaceRow, snapshot: string): boolean {
  return snapshot !== baselineName || row.workspaceSeed.mode !== "empty";
}

/** The part of a reset that, once begun, is finished whatever happens; doing it again does no harm. */
export async function completeSwitch(
  context: WorkspaceContext,
  row: WorkspaceRow,
  snapshot: string,
): Promise<void> {
  const { workspaceId } = row;
  await storageOf(context, row).switch(isStored(row, snapshot));
  context.records.journal.clear(workspaceId);
  context.records.connections.clear(workspaceId);
  context.records.services.clear(workspaceId);
  context.records.ports.clear(workspaceId);
  await removeTree(context.files(workspaceId).outputDirectory);
  const at = now();
  context.records.workspaces.update(workspaceId, {
    resetCount: row.work?.resetCount ?? row.resetCount + 1,
    lastResetAt: at,
    lastActivityAt: at,
  });
}
