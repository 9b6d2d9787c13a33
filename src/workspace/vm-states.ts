import { PyroError } from "../model/errors.ts";
import type { VmRow, VmState } from "../registry/vms.ts";

/** What can be asked of a VM. */
export type VmOperation = "start" | "exec" | "stop" | "delete";

/** In which states each operation is legal. The only place that says so. */
const legal: Record<VmOperation, readonly VmState[]> = {
  start: ["created", "stopped"],
  exec: ["started"],
  stop: ["started"],
  delete: ["created", "starting", "started", "stopped", "failed"],
};

const nextSteps: Record<VmState, string> = {
  created: "Start it first.",
  starting: "Wait until it is started.",
  started: "Stop or delete it first.",
  stopped: "Start it first.",
  failed: "Delete it and create another.",
};

/** The states from which `operation` may be done. */
export function legalStates(operation: VmOperation): readonly VmState[] {
  return legal[operation];
}

/** Throws `vm_state_conflict` unless `operation` is legal now. */
export function requireLegal(vm: VmRow, operation: VmOperation): void {
  if (legal[operation].includes(vm.state)) return;
  const why = vm.failure === null ? "" : ` (${vm.failure})`;
  throw new PyroError(
    "vm_state_conflict",
    `VM ${vm.vmId} is ${vm.state}${why}, so it cannot be asked to ${operation}.`,
    { hint: nextSteps[vm.state] },
  );
}
