import assert from "node:assert/strict";
import { test } from "node:test";
import { workspaceStateSchema } from "../../../src/model/workspace-results.ts";
import type { WorkspaceRow } from "../../../src/registry/workspaces.ts";
import {
  isPassing,
  legalStates,
  requireLegal,
  type WorkspaceOperation,
} from "../../../src/workspace/workspace-states.ts";

const operations: readonly WorkspaceOperation[] = [
  "exec",
  "read files",
  "change files",
  "take a snapshot",
  "delete a snapshot",
  "reset",
  "stop",
  "start",
  "delete",
];

function rowIn(state: WorkspaceRow["state"], failure: string | null = null): WorkspaceRow {
  return { workspaceId: "ws-1", name: "mine", state, failure } as WorkspaceRow;
}

test("every operation in every state is either done or refused with a next step", () => {
  for (const operation of operations)
    for (const state of workspaceStateSchema.options) {
      const attempt = () => requireLegal(rowIn(state), operation);
      if (legalStates(operation).includes(state)) assert.doesNotThrow(attempt);
      else
        assert.throws(attempt, (error: { code: string; message: string; hint: string }) => {
          assert.equal(
            error.code,
            isPassing(state) ? "workspace_busy" : "workspace_state_conflict",
          );
          assert.match(error.message, new RegExp(`Workspace mine is ${state}.*${operation}`));
          assert.ok(error.hint.length > 10);
          return true;
        });
    }
});

test("a failed workspace says why, and that its files are kept", () => {
  assert.throws(() => requireLegal(rowIn("failed", "the guest's kernel panicked"), "exec"), {
    message: /the guest's kernel panicked/,
    hint: /kept.*pyro workspace start mine/,
  });
});

test("a workspace can be deleted in every state", () => {
  assert.deepEqual([...legalStates("delete")].sort(), [...workspaceStateSchema.options].sort());
});
