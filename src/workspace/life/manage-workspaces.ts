import { PyroError } from "../../model/errors.ts";
import { checkLabels, checkName } from "../../model/workspace-names.ts";
import type { Workspace, WorkspaceGc, WorkspaceList } from "../../model/workspace-results.ts";
import type { WorkspaceRow } from "../../registry/workspaces.ts";
import { isExpired } from "../records/workspace-states.ts";
import { describeWorkspace, listedWorkspace } from "./describe-workspace.ts";
import { findWorkspace, latest, settleAll } from "./find-workspace.ts";
import { sweepTemplates, usedImages } from "./prune-environments.ts";
import { deleteWorkspace } from "./run-workspace.ts";
import { askGuest } from "./shells-at-hand.ts";
import { sweepWorkspaces } from "./sweep-workspaces.ts";
import type { WorkspaceContext } from "./workspace-context.ts";
import { storageOf } from "./workspace-machine.ts";
import type { GcOptions, UpdateWorkspaceOptions } from "./workspace-options.ts";

/** All workspaces, newest activity first. */
export async function listWorkspaces(context: WorkspaceContext): Promise<WorkspaceList> {
  const rows = await settleAll(context, "workspace");
  const listed = rows.map(async (row) =>
    listedWorkspace(context, row, await askGuest(context, row)),
  );
  return { workspaces: await Promise.all(listed) };
}

export async function statusWorkspace(context: WorkspaceContext, id: string): Promise<Workspace> {
  const row = await findWorkspace(context, id);
  return describeWorkspace(context, row, await askGuest(context, row));
}

/** Changes what a workspace is found by, and nothing else. */
export async function updateWorkspace(
  context: WorkspaceContext,
  id: string,
  { name, clearName = false, labels, clearLabels = [] }: UpdateWorkspaceOptions,
): Promise<Workspace> {
  if (name !== undefined && clearName)
    throw new PyroError("invalid_argument", `The name cannot be both "${name}" and cleared.`);
  const row = await findWorkspace(context, id);
  const kept = Object.entries(row.labels).filter(([key]) => !clearLabels.includes(key));
  const change = {
    name: clearName ? null : name === undefined ? row.name : checkName(name, "workspace"),
    labels: { ...checkLabels({ ...Object.fromEntries(kept), ...labels }) },
  };
  const taken = context.records.workspaces.rename(row.workspaceId, change);
  if (taken !== undefined)
    throw new PyroError("workspace_name_taken", `There is a workspace "${name}" already.`, {
      hint: `It is ${taken.takenBy}; choose another name.`,
    });
  return describeWorkspace(context, latest(context, row), await askGuest(context, row));
}

/** Deletes what is expired or left over and, when asked, what nobody used for long. */
export async function gcWorkspaces(
  context: WorkspaceContext,
  { olderThanSeconds, dryRun = false }: GcOptions = {},
): Promise<WorkspaceGc> {
  const before = context.records.workspaces.list("workspace");
  const limit = Date.now() - (olderThanSeconds ?? Infinity) * 1000;
  const isUnused = ({ workspaceId, state, lastActivityAt }: WorkspaceRow) =>
    Date.parse(lastActivityAt) <= limit &&
    !(state === "started" && context.records.journal.isRunning(workspaceId));
  const due = before.filter((row) => isExpired(row) || isUnused(row));
  if (dryRun)
    return { deletedWorkspaceIds: due.map((row) => row.workspaceId), sweptDirectories: 0 };
  for (const row of due) await deleteWorkspace(context, row.workspaceId);
  const sweptDirectories = (await sweepWorkspaces(context)) + (await context.host.standbys.sweep());
  context.host.sweepProcesses();
  await sweepTemplates(context.host, usedImages(context));
  const rest = context.records.workspaces.list("workspace");
  for (const row of rest) await storageOf(context, row).tidy();
  const left = new Set(rest.map((row) => row.workspaceId));
  const deletedWorkspaceIds = before
    .map((row) => row.workspaceId)
    .filter((workspaceId) => !left.has(workspaceId));
  return { deletedWorkspaceIds, sweptDirectories };
}
