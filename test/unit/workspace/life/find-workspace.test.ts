import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { Pyro, type WorkspaceList } from "../../../../src/index.ts";
import { acquireLock } from "../../../../src/platform/lock.ts";
import { workspaceFiles } from "../../../../src/workspace/records/workspace-files.ts";
import { PyroHome, repository } from "../../../support/home.ts";
import { SupervisedWorkspace } from "../../../support/supervised-workspace.ts";

let workspace: SupervisedWorkspace;
let home: PyroHome;
beforeEach(async () => {
  home = PyroHome.empty();
  workspace = await SupervisedWorkspace.start();
  const client = await workspace.connect();
  await client.supervisor.stepAside();
  await workspace.supervised;
});
afterEach(async () => {
  await workspace[Symbol.asyncDispose]();
  await home.dispose();
});

/** A list by a process of its own, which can be told to fail. */
function list(env: Record<string, string> = {}): WorkspaceList {
  const program = join(repository, "test", "support", "pyro-vm.ts");
  const node = ["--disable-warning=ExperimentalWarning", program, "listWorkspaces"];
  const { stdout, stderr } = spawnSync(process.execPath, node, {
    env: { ...home.env, PYRO_STATE_DIR: workspace.stateDirectory, ...env },
    encoding: "utf8",
  });
  const { result, error } = JSON.parse(stdout);
  assert.deepEqual([error, stderr], [undefined, ""]);
  return result;
}

for (const action of ["enospc", "eio"])
  test(`a workspace whose recovery ends with ${action} does not hide the others`, async () => {
    const { row } = workspace;
    assert.ok(row !== undefined);
    const half = { ...row, workspaceId: "ws-000000000002", process: null };
    workspace.records.workspaces.insert({ ...half, state: "deleting" });
    const { directory } = workspaceFiles(workspace.stateDirectory, half.workspaceId);
    mkdirSync(directory, { mode: 0o700 });
    const states = (found: WorkspaceList) =>
      found.workspaces.map(({ workspaceId, state }) => [workspaceId, state]).sort();
    assert.deepEqual(states(list({ PYRO_FAULT: `delete.recorded:${action}` })), [
      [row.workspaceId, "started"],
      [half.workspaceId, "deleting"],
    ]);
    assert.deepEqual(states(list()), [[row.workspaceId, "started"]]);
  });

test("one whose machine is gone is not called started, even while somebody else has it", async () => {
  await workspace.break();
  using _held = await acquireLock(workspace.files.lockPath);
  using pyro = new Pyro({ stateDirectory: workspace.stateDirectory });
  const [listed] = (await pyro.listWorkspaces()).workspaces;
  assert.equal(listed?.state, "failed");
  const { state, failure } = await pyro.statusWorkspace(workspace.workspaceId);
  assert.deepEqual([state, failure], ["failed", "its virtual machine monitor ended unexpectedly"]);
  assert.equal(workspace.row?.state, "started", "only whoever has it changes its row");
});
