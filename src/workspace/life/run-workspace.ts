import { asPyroError, PyroError } from "../../model/errors.ts";
import type { Workspace, WorkspaceDeleted } from "../../model/workspace-results.ts";
import type { WorkspaceRow } from "../../registry/workspaces.ts";
import type { WorkOptions } from "../machines/host.ts";
import { removeWorkspace } from "../records/remove-workspace.ts";
import { requireLegal } from "../records/workspace-states.ts";
import { connectWorkspace } from "./connect-workspace.ts";
import { describeWorkspace, nothingOpened } from "./describe-workspace.ts";
import { findWorkspace, latest } from "./find-workspace.ts";
import { filesAreGone } from "./recover-workspace.ts";
import { askGuest } from "./shells-at-hand.ts";
import { startAgain } from "./start-again.ts";
import { stopUnattended } from "./stop-unattended.ts";
import { takeOver } from "./take-over.ts";
import type { WorkspaceContext } from "./workspace-context.ts";
import { findBase } from "./workspace-machine.ts";

/** Powers a workspace's machine off and keeps its disk. One that is stopped already stays so. */
export async function stopWorkspace(context: WorkspaceContext, id: string): Promise<Workspace> {
  const row = await findWorkspace(context, id);
  if (row.state !== "stopped") {
    requireLegal(row, "stop");
    const client = await connectWorkspace(context, row, "stop").catch((error: unknown) => {
      if (asPyroError(error).code === "supervisor_unavailable") return undefined;
      throw error;
    });
    if (client === undefined) await stopUnattended(context, row);
    else await client.supervisor.endRun("stop");
    context.supervisors.forget(row.workspaceId);
  }
  return describeWorkspace(context, latest(context, row), nothingOpened);
}

export interface StartOptions extends WorkOptions {
  /** Publishes again the ports that belong to no service. Default false. */
  readonly keepsPorts?: boolean;
}

/** Starts a stopped or failed workspace again on its disk. One that is started already stays so. */
export async function startWorkspace(
  context: WorkspaceContext,
  id: string,
  { keepsPorts = false, ...options }: StartOptions = {},
): Promise<Workspace> {
  const row = await findWorkspace(context, id);
  const isRunning = row.state === "started";
  if (!isRunning) {
    requireLegal(row, "start");
    const { base, isOtherImage } = await findBase(context.host, row, options);
    using _lock = await takeOver(context, row);
    const current = latest(context, row);
    requireLegal(current, "start");
    if (!keepsPorts) context.records.ports.removeUnowned(row.workspaceId);
    await startAgain(context, current, { ...options, base, discardRoot: isOtherImage });
  }
  const said = isRunning ? await askGuest(context, row) : nothingOpened;
  context.supervisors.spawn(row.workspaceId);
  return describeWorkspace(context, latest(context, row), said);
}

/** Ends a workspace and removes everything of it. One that is gone already is no error. */
export async function deleteWorkspace(
  context: WorkspaceContext,
  id: string,
): Promise<WorkspaceDeleted> {
  const row = await findForDelete(context, id);
  if (!("state" in row)) return row;
  const { workspaceId } = row;
  using lock = await takeOver(context, row).catch((error: unknown) => {
    if (error instanceof PyroError && error.code === "workspace_lost") return undefined;
    throw error;
  });
  const current = context.records.workspaces.find(workspaceId);
  // Somebody else was faster.
  if (lock === undefined || current === undefined) return { workspaceId, deleted: false };
  const ending = { files: context.files(workspaceId), reason: "deleted" };
  return { workspaceId, deleted: await removeWorkspace(context.records, current, ending) };
}

/** The workspace, or what became of one that is gone. */
async function findForDelete(
  context: WorkspaceContext,
  id: string,
): Promise<WorkspaceRow | WorkspaceDeleted> {
  const isKnown = context.records.workspaces.match(id).length > 0;
  try {
    return await findWorkspace(context, id);
  } catch (error) {
    const ended = context.records.workspaces.findEnded(id);
    if (!(error instanceof PyroError) || ended === undefined) throw error;
    // Looking for one whose directory was removed is what ended it.
    const deleted = isKnown && ended.reason === filesAreGone;
    return { workspaceId: ended.workspaceId, deleted };
  }
}
