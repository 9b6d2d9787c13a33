import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import { after, afterEach, before, describe, it } from "node:test";
import type { Workspace, WorkspaceList } from "../../src/index.ts";
import { baseEnvironment } from "../support/home.ts";
import { until } from "../support/until.ts";
import { refusal, saying, TestWorkspaces } from "../support/workspaces.ts";

describe("a workspace", () => {
  let ws: TestWorkspaces;
  before(async () => {
    ws = await TestWorkspaces.open();
  });
  afterEach(() => ws.assertNothingLeft());
  after(() => ws[Symbol.asyncDispose]());

  it("says what it is, by id, unique prefix and name", async () => {
    const labels = { "team/owner": "a b", x: "" };
    const created = await ws.create({ name: "one", labels, memMib: 512, vcpuCount: 2 });
    const { workspaceId: id } = created;
    assert.match(id, /^ws-[0-9a-f]{12}$/);
    assert.deepEqual(
      [created.name, created.labels, created.environment, created.state, created.failure],
      ["one", labels, baseEnvironment, "started", null],
    );
    assert.deepEqual(
      [created.driver, created.executionMode, created.networkPolicy, created.expiresAt],
      ["qemu", "guest_virtio_serial", "off", null],
    );
    assert.deepEqual(
      [created.vcpuCount, created.memMib, created.resetCount, created.snapshotCount],
      [2, 512, 0, 0],
    );
    assert.deepEqual(created.workspaceSeed, {
      mode: "empty",
      seedPath: null,
      entryCount: 0,
      bytes: 0,
      skippedCount: 0,
      skipped: [],
      changedWhileRead: [],
      warnings: [],
    });
    for (const name of [id, id.slice(0, -2), "one"]) {
      // Its supervisor counts shells, and may still be starting.
      const { shellCount, ...found } = await ws.pyro.statusWorkspace(name);
      assert.deepEqual({ ...found, shellCount: created.shellCount }, created, name);
      assert.ok(shellCount === 0 || shellCount === null);
    }
    assert.equal((await ws.sh("one", "nproc; hostname")).trim(), `2\n${id}`);
  });

  it("is stopped and started again with its processors, files and history", async () => {
    const { workspaceId: id } = await ws.create({ name: "kept" });
    await ws.sh(id, "echo inside > a; echo outside > /root/b");
    const firstBoot = await ws.bootId(id);
    assert.equal((await ws.pyro.stopWorkspace(id)).state, "stopped");
    assert.deepEqual(ws.monitors(), []);
    assert.equal((await ws.pyro.stopWorkspace(id)).state, "stopped", "stopping twice is no error");

    const error = await refusal(ws.pyro.execWorkspace(id, { command: ["true"] }));
    assert.deepEqual(
      [error.code, error.message, error.hint],
      [
        "workspace_state_conflict",
        "Workspace kept is stopped, so it cannot be asked to exec.",
        "Start it: pyro workspace start kept",
      ],
    );
    const started = await ws.pyro.startWorkspace("kept");
    assert.deepEqual([started.state, started.commandCount], ["started", 2]);
    assert.equal((await ws.pyro.startWorkspace(id)).state, "started");
    assert.equal(await ws.sh(id, "cat a /root/b"), "inside\noutside\n");
    assert.notEqual(await ws.bootId(id), firstBoot);
    const { commands } = await ws.pyro.logsWorkspace(id);
    assert.deepEqual(
      commands.map(({ sequence, exitCode }) => [sequence, exitCode]),
      [1, 2, 3, 4].map((sequence) => [sequence, 0]),
    );
  });

  it("is not collected as unused while a command runs in it, nor right after", async () => {
    const { workspaceId: id } = await ws.create();
    const stdin = new PassThrough();
    const { said, onStdout } = saying("ready\n");
    const command = ["sh", "-c", "echo ready; cat"];
    const running = ws.pyro.execWorkspace(id, { command, stdin, onStdout });
    await said;
    ws.sql("UPDATE workspaces SET last_activity_at = '2001-01-01T00:00:00.000Z'");
    assert.deepEqual(
      (await ws.pyro.gcWorkspaces({ olderThanSeconds: 60 })).deletedWorkspaceIds,
      [],
    );
    stdin.end();
    assert.equal((await running).exitCode, 0);
    assert.deepEqual(
      (await ws.pyro.gcWorkspaces({ olderThanSeconds: 60 })).deletedWorkspaceIds,
      [],
    );
    ws.sql("UPDATE workspaces SET last_activity_at = '2001-01-01T00:00:00.000Z'");
    const { deletedWorkspaceIds } = await ws.pyro.gcWorkspaces({ olderThanSeconds: 60 });
    assert.deepEqual(deletedWorkspaceIds, [id]);
  });

  it("is deleted whatever its state, and its name is free again", async () => {
    const { workspaceId: id } = await ws.create({ name: "again" });
    assert.deepEqual(await ws.pyro.deleteWorkspace("again"), { workspaceId: id, deleted: true });
    assert.deepEqual(await ws.pyro.deleteWorkspace(id), { workspaceId: id, deleted: false });
    const gone = await refusal(ws.pyro.statusWorkspace(id));
    assert.equal(gone.code, "workspace_not_found");
    assert.match(gone.message, new RegExp(`^Workspace ${id} is gone: deleted at `));
    const next = await ws.create({ name: "again" });
    await ws.pyro.stopWorkspace(next.workspaceId);
    assert.equal((await ws.pyro.deleteWorkspace("again")).deleted, true);
  });

  it("is not found by what could be two, none or not yet anything", async () => {
    const [a, b] = [await ws.create(), await ws.create({ name: "other" })];
    const both = await refusal(ws.pyro.statusWorkspace("ws-"));
    assert.equal(both.code, "workspace_ambiguous");
    for (const { workspaceId } of [a, b]) assert.ok(both.message.includes(workspaceId));
    for (const text of ["", "no-such", "oth", "../other", "ws-%", "*"])
      assert.equal((await refusal(ws.pyro.statusWorkspace(text))).code, "workspace_not_found");
    const taken = await refusal(ws.create({ name: "other" }));
    assert.deepEqual(
      [taken.code, taken.message],
      ["workspace_name_taken", 'There is a workspace "other" already.'],
    );
    const { workspaceId } = a;
    const renamed = await refusal(ws.pyro.updateWorkspace(workspaceId, { name: "other" }));
    assert.equal(renamed.code, "workspace_name_taken");
    for (const name of ["", "-a", "a b", "a/b", "é", "a".repeat(64)])
      assert.equal((await refusal(ws.create({ name }))).code, "invalid_argument", name);
  });

  it("is listed by newest activity, and an update touches only name and labels", async () => {
    const first = await ws.create({ name: "first", labels: { a: "1", b: "2" } });
    const second = await ws.create({ name: "second" });
    const names = async () => {
      const { workspaces } = await ws.pyro.listWorkspaces();
      return workspaces.map(({ name }) => name);
    };
    assert.deepEqual(await names(), ["second", "first"]);
    await ws.sh("first", "true");
    assert.deepEqual(await names(), ["first", "second"]);
    const updated = await ws.pyro.updateWorkspace("first", {
      name: "renamed",
      labels: { b: "3", c: "4" },
      clearLabels: ["a"],
    });
    const before = await ws.pyro.statusWorkspace(first.workspaceId);
    assert.deepEqual(updated, before);
    assert.deepEqual([updated.name, updated.labels], ["renamed", { b: "3", c: "4" }]);
    assert.equal((await ws.pyro.updateWorkspace("renamed", { clearName: true })).name, null);
    assert.equal((await refusal(ws.pyro.statusWorkspace("renamed"))).code, "workspace_not_found");
    assert.equal((await ws.pyro.statusWorkspace(second.workspaceId)).name, "second");
  });

  it("is gone when its time is over, though nobody asks for it", async () => {
    const { workspaceId: id, expiresAt } = await ws.create({ name: "brief", ttlSeconds: 5 });
    assert.ok(expiresAt !== null);
    // On a busy host its time is over already.
    await ws.sh(id, "true").catch(({ code }) => assert.equal(code, "expired"));
    await until("its machine is gone", () => ws.monitors().length === 0);
    await until("its row is gone", () => ws.row(id) === undefined);
    const error = await refusal(ws.pyro.execWorkspace(id, { command: ["true"] }));
    assert.equal(error.code, "expired");
    assert.deepEqual((await ws.pyro.listWorkspaces()).workspaces, []);
    assert.equal((await ws.create({ name: "brief" })).name, "brief");
  });

  it("is the same for every process, and its supervisor is one for all", async () => {
    const { result } = await ws.answer<Workspace>("createWorkspace", [
      { environment: baseEnvironment, name: "shared" },
    ]);
    const id = result?.workspaceId ?? "";
    await ws.sh("shared", "echo one > file");
    const [listed, read] = await Promise.all([
      ws.answer<WorkspaceList>("listWorkspaces", []),
      ws.answer<{ text: string }>("readWorkspaceFile", [id, "file"]),
    ]);
    assert.deepEqual(
      [listed.result?.workspaces.map(({ workspaceId }) => workspaceId), read.result?.text],
      [[id], "one\n"],
    );
    await ws.answer("stopWorkspace", [id]);
    assert.equal((await ws.pyro.statusWorkspace(id)).state, "stopped");
    await ws.pyro.startWorkspace(id);
    const { result: seen } = await ws.answer<Workspace>("statusWorkspace", ["shared"]);
    assert.equal(seen?.state, "started");
    assert.equal(ws.monitors().length, 1);
  });
});

describe("pyro workspace", () => {
  let ws: TestWorkspaces;
  before(async () => {
    ws = await TestWorkspaces.open();
  });
  after(async () => {
    await ws.assertNothingLeft();
    await ws[Symbol.asyncDispose]();
  });

  const cli = async (...args: string[]) => {
    const { stdout, stderr, code } = await ws.home.pyro(["workspace", ...args]);
    return { stdout, stderr, code };
  };
  const json = async (...args: string[]) => {
    const { stdout, stderr, code } = await cli(...args, "--json");
    assert.deepEqual([stderr, code], ["", 0]);
    return JSON.parse(stdout);
  };

  it("creates, lists, stops, starts and deletes by name", async () => {
    const create = ["create", baseEnvironment, "--name", "cli", "--label", "k=v=w", "--id-only"];
    const created = await cli(...create);
    assert.equal(created.code, 0, created.stderr);
    assert.match(created.stdout, /^ws-[0-9a-f]{12}\n$/);
    const id = created.stdout.trim();

    const [row] = (await json("list")).workspaces;
    assert.deepEqual(
      [row.workspace_id, row.name, row.labels, row.state, row.command_count],
      [id, "cli", { k: "v=w" }, "started", 0],
    );
    assert.equal((await json("stop", "cli")).state, "stopped");
    const refused = await cli("exec", "cli", "--", "true");
    assert.deepEqual(
      [refused.stdout, refused.stderr, refused.code],
      [
        "",
        "error: Workspace cli is stopped, so it cannot be asked to exec.\nhint: Start it: pyro workspace start cli\n",
        125,
      ],
    );
    assert.equal((await json("start", id.slice(0, 10))).state, "started");
    assert.equal((await json("update", "cli", "--name", "new", "--clear-label", "k")).name, "new");
    const deleted = await json("delete", "new");
    assert.deepEqual(deleted, { workspace_id: id, deleted: true });
    const gone = await cli("status", "new");
    assert.deepEqual([gone.stdout, gone.code], ["", 1]);
  });
});
