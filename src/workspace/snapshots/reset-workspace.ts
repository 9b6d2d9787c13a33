import type { Workspace } from "../../model/workspace-results.ts";
import { faultPoint } from "../../platform/fault.ts";
import { identifySelf, killProcess } from "../../platform/processes.ts";
import type { WorkspaceRow } from "../../registry/workspaces.ts";
import { describeWorkspace, nothingOpened } from "../life/describe-workspace.ts";
import { findWorkspace, latest } from "../life/find-workspace.ts";
import { baselineName, completeSwitch, isStored } from "../life/switch-disk.ts";
import { takeOver } from "../life/take-over.ts";
import type { WorkspaceContext } from "../life/workspace-context.ts";
import { bringUp, findBase, storageOf } from "../life/workspace-machine.ts";
import type { ResetOptions } from "../life/workspace-options.ts";
import { illegal, legalStates, requireLegal } from "../records/workspace-states.ts";
import { requireSnapshot } from "./snapshots.ts";

/** A new sandbox with /workspace as a snapshot has it, and no history. Interrupted anywhere, it is either done or never began. */
export async function resetWorkspace(
  context: WorkspaceContext,
  id: string,
  { snapshot = baselineName, ...options }: ResetOptions = {},
): Promise<Workspace> {
  const found = await findWorkspace(context, id);
  requireLegal(found, "reset");
  requireSnapshot(context, found, snapshot);
  const { base } = await findBase(context.host, found, options);
  await flush(context, found);
  // What runs in it now ends with this.
  using _lock = await takeOver(context, found);
  const row = latest(context, found);
  requireSnapshot(context, row, snapshot);
  beginReset(context, row, snapshot);
  try {
    await replaceDisk(context, row, snapshot);
  } catch (error) {
    giveUp(context, row);
    throw error;
  }
  const emptied = latest(context, row);
  try {
    options.onProgress?.({ step: "starting" });
    // A disk that was kept knows more than its workspace.
    const { machine, client } = await bringUp(
      context,
      { row: emptied, base },
      { ...options, discardRoot: isStored(row, snapshot) },
    );
    context.supervisors.release(row.workspaceId, { machine, client });
    faultPoint("reset.started");
  } catch (error) {
    finish(context, row, "stopped");
    throw error;
  }
  finish(context, row, "started");
  context.supervisors.spawn(row.workspaceId);
  return describeWorkspace(context, latest(context, row), nothingOpened);
}

/** Should the reset fail, the old disk has all that was written to it. */
async function flush(context: WorkspaceContext, row: WorkspaceRow): Promise<void> {
  if (row.state !== "started") return;
  const client = await context.supervisors.find(row.workspaceId);
  await client?.sync().catch(() => undefined);
}

function beginReset(context: WorkspaceContext, row: WorkspaceRow, snapshot: string): void {
  const isResetting = context.records.workspaces.transition(row.workspaceId, {
    from: legalStates("reset"),
    to: "resetting",
    change: { work: { worker: identifySelf(), snapshot, resetCount: row.resetCount + 1 } },
  });
  if (!isResetting) throw illegal(latest(context, row), "reset");
  faultPoint("reset.recorded");
}

/** Prepares the new disk beside the old one, and gives the old one up only when the new one is complete. */
async function replaceDisk(
  context: WorkspaceContext,
  row: WorkspaceRow,
  snapshot: string,
): Promise<void> {
  const storage = storageOf(context, row);
  if (isStored(row, snapshot)) await storage.prepare(snapshot);
  faultPoint("reset.prepared");
  if (row.process !== null) await killProcess(row.process);
  faultPoint("reset.ended");
  const { work } = latest(context, row);
  if (work !== null)
    context.records.workspaces.update(row.workspaceId, {
      work: { ...work, isSwitched: true },
      process: null,
    });
  faultPoint("reset.recorded-switch");
  await completeSwitch(context, latest(context, row), snapshot);
  faultPoint("reset.switched");
}

/** Nothing was changed, except that the machine has ended. */
function giveUp(context: WorkspaceContext, row: WorkspaceRow): void {
  if (latest(context, row).work?.isSwitched) return;
  const change = { work: null, process: null };
  const to = row.state === "failed" ? "failed" : "stopped";
  context.records.workspaces.transition(row.workspaceId, { from: ["resetting"], to, change });
}

function finish(context: WorkspaceContext, row: WorkspaceRow, to: "started" | "stopped"): void {
  context.records.workspaces.transition(row.workspaceId, {
    from: ["resetting"],
    to,
    change: { work: null, failure: null, ...(to === "stopped" && { process: null }) },
  });
}
