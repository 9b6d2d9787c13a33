import { setTimeout as sleep } from "node:timers/promises";
import { PyroError } from "../../model/errors.ts";
import { nearest } from "../../model/nearest.ts";
import type { WorkspaceKind } from "../../model/workspace-names.ts";
import { tryLock } from "../../platform/lock.ts";
import { isAlive } from "../../platform/processes.ts";
import type { WorkspaceRow } from "../../registry/workspaces.ts";
import { isMisfortune } from "../records/misfortune.ts";
import { deletedMeanwhile, isExpired, isPassing, nameOf } from "../records/workspace-states.ts";
import { adoptWorkspace, adoptWorkspaces } from "./adopt-workspaces.ts";
import { recoverWorkspace, whyGone } from "./recover-workspace.ts";
import type { WorkspaceContext } from "./workspace-context.ts";

/** How long whoever has a workspace may take to notice that its machine is gone. */
const noticeMs = 2_000;
const retryMs = 20;

/** The workspace that an id, a unique prefix of one or a name stands for, as it really is. */
export async function findWorkspace(
  context: WorkspaceContext,
  text: string,
): Promise<WorkspaceRow> {
  const [row, ...others] = text === "" ? [] : await match(context, text);
  if (row === undefined) throw notFound(context, text);
  if (others.length > 0)
    throw new PyroError(
      "workspace_ambiguous",
      `"${text}" could be any of ${[row, ...others].map((one) => one.workspaceId).join(", ")}.`,
      { hint: "Give more of the id." },
    );
  const settled = await settle(context, row);
  if (settled === undefined) throw notFound(context, row.workspaceId);
  return settled;
}

async function match(context: WorkspaceContext, text: string): Promise<WorkspaceRow[]> {
  const { workspaces } = context.records;
  const [row, ...others] = workspaces.match(text);
  if (row !== undefined && others.length === 0) {
    await adoptWorkspace(context, row.workspaceId);
    const found = workspaces.match(text);
    if (found.length > 0) return found;
  }
  await adoptWorkspaces(context, "workspace");
  return workspaces.match(text);
}

/** The row as it is now. Throws `workspace_lost` when the workspace is gone. */
export function latest(context: WorkspaceContext, row: WorkspaceRow): WorkspaceRow {
  const found = context.records.workspaces.find(row.workspaceId);
  if (found !== undefined) return found;
  throw deletedMeanwhile(row);
}

/**
 * What is left of a workspace once whatever a process that was killed began with it is finished or undone. Undefined
 * when that was the end of it.
 */
export async function settle(
  context: WorkspaceContext,
  row: WorkspaceRow,
): Promise<WorkspaceRow | undefined> {
  if (!needsAttention(context, row)) return row;
  const lock = await tryLock(context.files(row.workspaceId).lockPath).catch(() => undefined);
  if (lock === undefined) {
    // Somebody is at work on it, or its directory is gone.
    return context.hasDirectory(row.workspaceId)
      ? untilNoticed(context, row)
      : recoverWorkspace(context, row);
  }
  try {
    return await recoverWorkspace(context, row);
  } finally {
    lock.release();
  }
}

/** What a workspace is that somebody else has. He will notice in a moment that its machine is gone; until then it is not called started. */
async function untilNoticed(
  context: WorkspaceContext,
  { workspaceId }: WorkspaceRow,
): Promise<WorkspaceRow | undefined> {
  const deadline = performance.now() + noticeMs;
  for (;;) {
    const row = context.records.workspaces.find(workspaceId);
    if (row === undefined || row.state !== "started" || isRunning(row)) return row;
    if (performance.now() > deadline)
      return { ...row, state: "failed", failure: whyGone(context, row), process: null };
    await sleep(retryMs);
  }
}

/** All of a kind as they really are. One that cannot be settled, for what its machine or the host's disk does, stays as it is: it must not hide the others. */
export async function settleAll(
  context: WorkspaceContext,
  kind: WorkspaceKind,
): Promise<WorkspaceRow[]> {
  await adoptWorkspaces(context, kind);
  const settling = context.records.workspaces.list(kind).map(async (row) => {
    try {
      return await settle(context, row);
    } catch (error) {
      if (isMisfortune(error)) return row;
      throw error;
    }
  });
  return (await Promise.all(settling)).filter((row) => row !== undefined);
}

function needsAttention(context: WorkspaceContext, row: WorkspaceRow): boolean {
  if (isExpired(row)) return true;
  // Whoever creates it may not have its lock yet; everybody else at work on it has.
  if (row.state === "creating") return row.work === null || !isAlive(row.work.worker);
  if (isPassing(row.state) || !context.hasDirectory(row.workspaceId)) return true;
  // A start that was killed leaves a machine with a workspace that does not run.
  if (row.state !== "started") return row.process !== null;
  return !isRunning(row);
}

function isRunning({ process }: WorkspaceRow): boolean {
  return process !== null && isAlive(process);
}

function notFound(context: WorkspaceContext, text: string): PyroError {
  const ended = context.records.workspaces.findEnded(text);
  if (ended !== undefined)
    return new PyroError(
      ended.reason === "expired" ? "expired" : "workspace_not_found",
      `Workspace ${text} is gone: ${ended.reason} at ${ended.endedAt}.`,
      { hint: "Create another: pyro workspace create debian:12" },
    );
  const names = context.records.workspaces.list("workspace").map(nameOf);
  const meant = nearest(text, names);
  return new PyroError(
    "workspace_not_found",
    `There is no workspace whose name or id is "${text}", or whose id begins so.`,
    {
      hint: `${meant === undefined ? "" : `Did you mean ${meant}? `}See what there is: pyro workspace list`,
    },
  );
}
