import { PyroError } from "../../model/errors.ts";
import type { Vm } from "../../model/results.ts";
import { isAlive } from "../../platform/processes.ts";
import type { WorkspaceRow } from "../../registry/workspaces.ts";

export type VmState = Vm["state"];

/** What can be asked of a VM, besides deleting it, which can be asked of any. */
export type VmOperation = "start" | "exec" | "stop";

/** In which states each operation is legal. The only place that says so. */
const legal: Record<VmOperation, readonly VmState[]> = {
  start: ["created", "stopped"],
  exec: ["started"],
  stop: ["started"],
};

const nextSteps: Record<VmState, string> = {
  created: "Start it first.",
  starting: "Wait until it is started.",
  started: "Stop or delete it first.",
  stopped: "Start it first.",
  failed: "Delete it and create another.",
};

/** What a VM is that is a workspace in this state: one that has no driver was never started. */
export function vmStateOf({ state, driver, work }: WorkspaceRow): VmState {
  switch (state) {
    case "creating":
      return "created";
    case "stopped":
      if (work !== null && isAlive(work.worker)) return "starting";
      return driver === "" ? "created" : "stopped";
    case "started":
    case "stopping":
    case "resetting":
      return "started";
    case "failed":
    case "deleting":
      return "failed";
  }
}

/** Throws `vm_state_conflict` unless `operation` is legal now. */
export function requireLegalForVm(row: WorkspaceRow, operation: VmOperation): void {
  const state = vmStateOf(row);
  if (legal[operation].includes(state)) return;
  const why = row.failure === null ? "" : ` (${row.failure})`;
  throw new PyroError(
    "vm_state_conflict",
    `VM ${row.workspaceId} is ${state}${why}, so it cannot be asked to ${operation}.`,
    { hint: nextSteps[state] },
  );
}
