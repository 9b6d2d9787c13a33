import { faultPoint } from "../../platform/fault.ts";
import type { WorkspaceRow } from "../../registry/workspaces.ts";
import type { WorkOptions } from "../machines/host.ts";
import { now } from "../records/workspace-records.ts";
import { illegal, legalStates } from "../records/workspace-states.ts";
import { latest } from "./find-workspace.ts";
import type { WorkspaceContext } from "./workspace-context.ts";
import { bringUp, traitsOf, type WorkspaceBase } from "./workspace-machine.ts";

export interface StartAgain extends WorkOptions {
  readonly base: WorkspaceBase;
  /** Keeps its tree and nothing else of its disk. */
  readonly discardRoot: boolean;
}

/** Starts what does not run on the disk it has; whoever calls holds its lock. */
export async function startAgain(
  context: WorkspaceContext,
  row: WorkspaceRow,
  { base, discardRoot, ...options }: StartAgain,
): Promise<void> {
  const { workspaces, journal } = context.records;
  faultPoint("start.recorded");
  options.onProgress?.({ step: "starting" });
  const { machine, client } = await bringUp(context, { row, base }, { ...options, discardRoot });
  context.supervisors.release(row.workspaceId, { machine, client });
  faultPoint("start.started");
  const isStarted = workspaces.transition(row.workspaceId, {
    from: legalStates("start"),
    to: "started",
    change: { failure: null, work: null, ...traitsOf(base, row) },
  });
  if (!isStarted) {
    await machine.kill();
    throw illegal(latest(context, row), "start");
  }
  const text = discardRoot
    ? "started; its environment was built anew, so changes outside /workspace are gone"
    : "started";
  journal.record({ workspaceId: row.workspaceId, at: now(), kind: "started", text });
}
