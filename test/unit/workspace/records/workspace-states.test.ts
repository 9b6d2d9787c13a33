import assert from "node:assert/strict";
import { test } from "node:test";
import { workspaceStateSchema } from "../../../../src/model/workspace-results.ts";
import { bootMomentIn } from "../../../../src/platform/boot-time.ts";
import type { WorkspaceRow } from "../../../../src/registry/workspaces.ts";
import {
  isExpired,
  isPassing,
  legalStates,
  requireLegal,
  type WorkspaceOperation,
} from "../../../../src/workspace/records/workspace-states.ts";

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

test("a time to live is measured by the host's boot, whatever its clock says, and by the clock after another boot", (t) => {
  const expiresAt = new Date(Date.now() + 60_000).toISOString();
  const alive = { expiresAt, deadline: bootMomentIn(60_000) } as WorkspaceRow;
  const over = { expiresAt, deadline: bootMomentIn(-1) } as WorkspaceRow;
  const ofAnotherBoot = { expiresAt, deadline: { bootId: "another", uptimeMs: 0 } } as WorkspaceRow;
  const unlimited = { expiresAt: null, deadline: null } as WorkspaceRow;
  const rows = [alive, over, ofAnotherBoot, unlimited];
  assert.deepEqual(rows.map(isExpired), [false, true, false, false]);
  t.mock.timers.enable({ apis: ["Date"], now: Date.now() + 365 * 86_400_000 });
  assert.deepEqual(rows.map(isExpired), [false, true, true, false]);
});
