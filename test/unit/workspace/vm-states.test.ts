import assert from "node:assert/strict";
import { test } from "node:test";
import { PyroError } from "../../../src/index.ts";
import type { VmRow, VmState } from "../../../src/registry/vms.ts";
import { requireLegal, type VmOperation } from "../../../src/workspace/vm-states.ts";

const states: readonly VmState[] = ["created", "starting", "started", "stopped", "failed"];
const operations: readonly VmOperation[] = ["start", "exec", "stop", "delete"];

/** The whole table, as it is meant. */
const meant: Record<VmOperation, readonly VmState[]> = {
  start: ["created", "stopped"],
  exec: ["started"],
  stop: ["started"],
  delete: states,
};

function vmIn(state: VmState, failure: string | null = null): VmRow {
  return {
    vmId: "vm-1",
    environment: "debian:12",
    state,
    vcpuCount: 1,
    memMib: 1024,
    cpu: "v2",
    createdAt: "",
    expiresAt: "",
    driver: null,
    executionMode: null,
    isolation: null,
    failure,
    process: null,
  };
}

test("each operation is legal in exactly the states it is meant for", () => {
  for (const operation of operations)
    for (const state of states) {
      const ask = () => requireLegal(vmIn(state), operation);
      if (meant[operation].includes(state)) assert.doesNotThrow(ask, `${operation} ${state}`);
      else assert.throws(ask, { code: "vm_state_conflict" }, `${operation} ${state}`);
    }
});

test("a refusal names the VM, its state, why it failed, and the next step", () => {
  assert.throws(
    () => requireLegal(vmIn("failed", "no room"), "exec"),
    new PyroError(
      "vm_state_conflict",
      "VM vm-1 is failed (no room), so it cannot be asked to exec.",
      { hint: "Delete it and create another." },
    ),
  );
});
