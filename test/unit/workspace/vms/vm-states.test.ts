import assert from "node:assert/strict";
import { test } from "node:test";
import { PyroError } from "../../../../src/index.ts";
import { identifySelf } from "../../../../src/platform/processes.ts";
import type { WorkspaceRow } from "../../../../src/registry/workspaces.ts";
import { newRow } from "../../../../src/workspace/life/new-workspace.ts";
import {
  requireLegalForVm,
  type VmOperation,
  type VmState,
  vmStateOf,
} from "../../../../src/workspace/vms/vm-states.ts";

const states: readonly VmState[] = ["created", "starting", "started", "stopped", "failed"];
const operations: readonly VmOperation[] = ["start", "exec", "stop"];

/** The whole table, as it is meant. */
const meant: Record<VmOperation, readonly VmState[]> = {
  start: ["created", "stopped"],
  exec: ["started"],
  stop: ["started"],
};

const row: WorkspaceRow = {
  ...newRow("vm", { environment: "debian:12", vcpuCount: 1, memMib: 1024, cpu: "v2" }),
  workspaceId: "vm-1",
  state: "stopped",
  driver: "qemu",
  work: null,
};

/** What is kept of a VM in each state. */
const kept: Record<VmState, WorkspaceRow> = {
  created: { ...row, driver: "" },
  starting: { ...row, driver: "", work: { worker: identifySelf() } },
  started: { ...row, state: "started" },
  stopped: row,
  failed: { ...row, state: "failed" },
};

test("what is kept of a VM tells its state, and that of a start whose process is gone what was before", () => {
  for (const state of states) assert.equal(vmStateOf(kept[state]), state);
  const work = { worker: { ...identifySelf(), startTicks: "1" } };
  assert.equal(vmStateOf({ ...kept.starting, work }), "created");
  assert.equal(vmStateOf({ ...kept.stopped, work }), "stopped");
});

test("each operation is legal in exactly the states it is meant for", () => {
  for (const operation of operations)
    for (const state of states) {
      const ask = () => requireLegalForVm(kept[state], operation);
      if (meant[operation].includes(state)) assert.doesNotThrow(ask, `${operation} ${state}`);
      else assert.throws(ask, { code: "vm_state_conflict" }, `${operation} ${state}`);
    }
});

test("a refusal names the VM, its state, why it failed, and the next step", () => {
  assert.throws(
    () => requireLegalForVm({ ...kept.failed, failure: "no room" }, "exec"),
    new PyroError(
      "vm_state_conflict",
      "VM vm-1 is failed (no room), so it cannot be asked to exec.",
      { hint: "Delete it and create another." },
    ),
  );
});
