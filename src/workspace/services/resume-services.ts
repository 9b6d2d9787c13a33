import { PyroError } from "../../model/errors.ts";
import { isLive } from "../../model/service-definition.ts";
import type { Workspace } from "../../model/workspace-results.ts";
import type { WorkspaceRow } from "../../registry/workspaces.ts";
import { describeWorkspace, nothingOpened } from "../life/describe-workspace.ts";
import { findWorkspace } from "../life/find-workspace.ts";
import { startWorkspace } from "../life/run-workspace.ts";
import type { WorkspaceContext } from "../life/workspace-context.ts";
import type { StartWorkspaceOptions } from "../life/workspace-options.ts";
import { beginService } from "./manage-services.ts";

/** Starts a workspace again, with the services that ran when it stopped and all its published ports. */
export async function resumeWorkspace(
  context: WorkspaceContext,
  id: string,
  options: StartWorkspaceOptions,
): Promise<Workspace> {
  await startWorkspace(context, id, { ...options, keepsPorts: true });
  const row = await findWorkspace(context, id);
  await resumeServices(context, row, options.signal);
  return describeWorkspace(context, row, nothingOpened);
}

/** Starts again what ran when the workspace's machine ended, with its ports. All are tried; the first that fails is told of. */
async function resumeServices(
  context: WorkspaceContext,
  row: WorkspaceRow,
  signal: AbortSignal | undefined,
): Promise<void> {
  const resumable = context.records.services
    .list(row.workspaceId)
    .filter(({ isResumable, state }) => isResumable && !isLive(state));
  const results = await Promise.allSettled(
    resumable.map(({ name, definition }) =>
      beginService(context, row, { name, definition, keepsLog: true, signal }),
    ),
  );
  const failed = results.find((result) => result.status === "rejected");
  if (failed === undefined) return;
  const { reason } = failed;
  if (!(reason instanceof PyroError)) throw reason;
  throw new PyroError(reason.code, `The workspace is started, but: ${reason.message}`, {
    hint: reason.hint,
    cause: reason,
  });
}
