import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { Activity } from "../../../../src/workspace/supervisor/activity.ts";
import { SupervisedWorkspace } from "../../../support/supervised-workspace.ts";
import { until } from "../../../support/until.ts";

let workspace: SupervisedWorkspace;
beforeEach(async () => {
  workspace = await SupervisedWorkspace.start();
});
afterEach(() => workspace[Symbol.asyncDispose]());

const long = "2026-01-01T00:00:00.000Z";

/** Whether the workspace was used since it was said to be unused for long. */
const wasUsed = () => workspace.row?.lastActivityAt !== long;
const forget = () =>
  workspace.records.workspaces.update(workspace.workspaceId, { lastActivityAt: long });

test("what is typed into a shell is activity of its workspace, while the request lasts", async () => {
  const client = await workspace.connect();
  workspace.lie = (stream) => {
    stream.respond({ ":status": 200, "content-type": "application/json" });
    stream.once("end", () => stream.end('{"bytes":1}')).resume();
  };
  forget();
  assert.equal(await client.shell.input("sh-00000000", Buffer.from("x")), 1);
  await until("it is noted", wasUsed);
});

test("activity is written down at once, and then every ten seconds at most", (t) => {
  let nowMs = 1_000;
  t.mock.method(performance, "now", () => nowMs);
  const { workspaceId, records } = workspace;
  const activity = new Activity({ workspaceId, journal: records.journal });
  const isWritten = (afterMs: number) => {
    nowMs += afterMs;
    forget();
    activity.note();
    return wasUsed();
  };
  assert.deepEqual([0, 1, 9_998, 1, 5_000, 5_000].map(isWritten), [
    true,
    false,
    false,
    true,
    false,
    true,
  ]);
});
