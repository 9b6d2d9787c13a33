import assert from "node:assert/strict";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, test } from "node:test";
import { limits } from "../../../src/model/limits.ts";
import { SupervisedWorkspace } from "../../support/supervised-workspace.ts";

let workspace: SupervisedWorkspace;
beforeEach(async () => {
  workspace = await SupervisedWorkspace.start();
});
afterEach(() => workspace[Symbol.asyncDispose]());

const at = "2026-01-01T00:00:00.000Z";

test("commands and events are remembered up to a bound, the newest of them, and pages follow each other", () => {
  const { workspaceId, records } = workspace;
  const { journal } = records;
  workspace.records.workspaces.update(workspaceId, {
    commandCount: limits.journalCommandsMax - 1,
  });
  const begin = () => journal.begin({ workspaceId, command: ["x"], cwd: "/", startedAt: at });
  const first = begin() ?? 0;
  journal.interruptRunning(workspaceId, { at, reason: "test" });
  const last = begin();
  assert.deepEqual([first, last], [limits.journalCommandsMax, limits.journalCommandsMax + 1]);
  workspace.records.workspaces.update(workspaceId, {
    commandCount: first + limits.journalCommandsMax - 1,
  });
  const newest = begin() ?? 0;
  const sequences = (which = {}) =>
    journal.commands(workspaceId, which).map(({ sequence }) => sequence);
  // The second one runs still.
  assert.deepEqual(sequences(), [last, newest]);
  assert.deepEqual(sequences({ after: last }), [newest]);
  assert.deepEqual(sequences({ after: newest }), []);
  assert.equal(journal.forgottenCount(workspaceId), first);
});

test("events beyond the bound go, the oldest first", () => {
  const { workspaceId, records } = workspace;
  const record = (text: string) => records.journal.record({ workspaceId, at, kind: "test", text });
  record("first");
  using database = new DatabaseSync(join(workspace.stateDirectory, "registry.sqlite"));
  database
    .prepare(
      `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
       INSERT INTO events (workspace_id, at, kind, text) SELECT ?, ?, 'test', 'between' FROM n`,
    )
    .run(limits.journalEventsMax - 1, workspaceId, at);
  assert.equal(records.journal.events(workspaceId)[0]?.text, "first");
  record("last");
  const events = records.journal.events(workspaceId);
  assert.deepEqual(
    [events.length, events[0]?.text, events.at(-1)?.text],
    [limits.journalEventsMax, "between", "last"],
  );
});
