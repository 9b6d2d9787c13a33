import { isAlive, isOfThisBoot, killProcess } from "../../platform/processes.ts";
import { removeTree } from "../../platform/remove-tree.ts";
import type { WorkspaceRow } from "../../registry/workspaces.ts";
import { guardianWord } from "../records/guardian-word.ts";
import { removeWorkspace } from "../records/remove-workspace.ts";
import { now } from "../records/workspace-records.ts";
import { isExpired } from "../records/workspace-states.ts";
import { stopMachine } from "./stop-machine.ts";
import { completeSwitch } from "./switch-disk.ts";
import type { WorkspaceContext } from "./workspace-context.ts";

/** Why a workspace ended whose directory somebody removed. */
export const filesAreGone = "its files are gone";

/**
 * Finishes or undoes what a process that is gone began; whoever calls holds the workspace's lock. Undefined when the
 * workspace ends with that. Looks at disk and processes: rows only say what was meant.
 */
export async function recoverWorkspace(
  context: WorkspaceContext,
  { workspaceId }: WorkspaceRow,
): Promise<WorkspaceRow | undefined> {
  const { workspaces } = context.records;
  // It may have changed before we got the lock.
  const row = workspaces.find(workspaceId);
  if (row === undefined) return undefined;
  const reason = endOf(context, row);
  if (reason !== undefined) {
    await removeWorkspace(context.records, row, { files: context.files(workspaceId), reason });
    return undefined;
  }
  await recoverState(context, row);
  return workspaces.find(workspaceId);
}

/** Why there is nothing to keep. */
function endOf(context: WorkspaceContext, row: WorkspaceRow): string | undefined {
  if (isExpired(row)) return "expired";
  if (row.state === "creating") return "its creation was interrupted";
  if (row.state === "deleting") return "deleted";
  return context.hasDirectory(row.workspaceId) ? undefined : filesAreGone;
}

async function recoverState(context: WorkspaceContext, row: WorkspaceRow): Promise<void> {
  const { workspaces, journal } = context.records;
  const { workspaceId, state } = row;
  const isRunning = row.process !== null && isAlive(row.process);
  switch (state) {
    case "creating":
    case "deleting":
      return;
    case "stopped":
    case "failed":
      return endStrayMachine(context, row);
    case "started": {
      if (isRunning) return;
      const failure = whyGone(context, row);
      const change = { failure, process: null };
      workspaces.transition(workspaceId, { from: ["started"], to: "failed", change });
      journal.interruptRunning(workspaceId, { at: now(), reason: failure });
      journal.record({ workspaceId, at: now(), kind: "failed", text: failure });
      return;
    }
    case "stopping":
      // Whether its guest is ending already only the guest knows: it would be called started, and be gone a moment later.
      return stopMachine(context, isRunning ? row : { ...row, process: null });
    case "resetting":
      return recoverReset(context, row, isRunning);
  }
}

/**
 * A start that was killed leaves a machine on the disk of a workspace that does not run; two on one disk would destroy it.
 * Whoever calls holds the workspace's lock.
 */
export async function endStrayMachine(
  context: WorkspaceContext,
  { workspaceId, state, process }: WorkspaceRow,
): Promise<void> {
  if (process === null || (state !== "stopped" && state !== "failed")) return;
  await killProcess(process);
  context.records.workspaces.update(workspaceId, { process: null });
}

/** Why a workspace that should run has no machine. */
export function whyGone(
  context: WorkspaceContext,
  { workspaceId, process }: Pick<WorkspaceRow, "workspaceId" | "process">,
): string {
  if (process === null) return "it has no virtual machine";
  const word = guardianWord(context.files(workspaceId));
  if (word !== undefined) return word;
  return isOfThisBoot(process)
    ? "its virtual machine monitor ended unexpectedly"
    : "the host was restarted";
}

/** A reset that had given its old disk up is completed; one that had not is forgotten. */
async function recoverReset(
  context: WorkspaceContext,
  row: WorkspaceRow,
  isRunning: boolean,
): Promise<void> {
  const { workspaces, journal } = context.records;
  const { workspaceId } = row;
  const files = context.files(workspaceId);
  if (row.work?.isSwitched) {
    if (row.process !== null) await killProcess(row.process);
    await completeSwitch(context, row, row.work.snapshot ?? "baseline");
    workspaces.transition(workspaceId, {
      from: ["resetting"],
      to: "stopped",
      change: { process: null, work: null, failure: null },
    });
    return;
  }
  await removeTree(files.nextDiskPath);
  const to = isRunning ? "started" : "stopped";
  const process = isRunning ? row.process : null;
  workspaces.transition(workspaceId, {
    from: ["resetting"],
    to,
    change: { process, work: null, failure: null },
  });
  journal.record({
    workspaceId,
    at: now(),
    kind: "reset",
    text: "a reset was interrupted; nothing was changed",
  });
}
