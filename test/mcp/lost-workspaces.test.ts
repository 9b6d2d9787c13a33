import assert from "node:assert/strict";
import { globSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { acquireLock } from "../../src/platform/lock.ts";
import { type Lie, LyingAgent } from "../support/lying-agent.ts";
import { until } from "../support/until.ts";
import { killProcess } from "../support/workspaces.ts";
import { environment, GuestPlace, type Json } from "./support/guest-place.ts";
import { type McpConnection, textOf } from "./support/mcp-connection.ts";

// What a model is told of a workspace that goes, or of one that somebody tampers with.

let place: GuestPlace;
let connection: McpConnection;
let id: string;

before(async () => {
  place = await GuestPlace.open();
  connection = await place.connect();
  id = await place.create();
});

after(async () => {
  await connection[Symbol.asyncDispose]();
  await place.assertNothingLeft();
  await place[Symbol.asyncDispose]();
});

/** The code and the advice that a call must end with. */
async function fails(code: string, tool: string, input: Json): Promise<void> {
  const text = await connection.failure(tool, input);
  assert.equal(text.split(":")[0], code, text);
  assert.match(text, / Next: /);
}

/** A call of a command that goes on until something ends it; what that came to. */
async function endless(workspaceId: string, end: () => Promise<unknown>): Promise<string> {
  const command = "sleep 617";
  const called = connection.call("workspace_exec", { workspace_id: workspaceId, command });
  await until("it runs", async () => (await place.countProcesses(workspaceId, "sleep 617")) > 0);
  await end();
  const result = await called;
  assert.ok(result.isError, textOf(result));
  return textOf(result);
}

test("one that is deleted under a command is lost: workspace_lost", async () => {
  const doomed = await place.create();
  const text = await endless(doomed, () => place.pyro.deleteWorkspace(doomed));
  assert.match(text, /^workspace_lost: .* Next: See workspace_status/);
});

test("one whose machine dies under a command: guest_lost", async () => {
  const doomed = await place.create();
  const text = await endless(doomed, () => killProcess(place.workspaces.monitor(doomed)));
  assert.match(text, /^guest_lost: .* Next: Check workspace_status/);
  await place.pyro.deleteWorkspace(doomed);
});

test("one whose time is over: expired", async () => {
  const input = { environment, seed: "empty", ttl_seconds: 1 };
  const made = await connection.record("workspace_create", input);
  const workspace_id = made.workspace_id;
  const isGone = async () =>
    (await connection.call("workspace_status", { workspace_id })).isError === true;
  await until("its time is over", isGone);
  await fails("expired", "workspace_exec", { workspace_id, command: "true" });
});

test("one that somebody else is changing: workspace_busy", async () => {
  const held = await place.create();
  await place.pyro.stopWorkspace(held);
  const set = (state: string) =>
    place.workspaces.sql("UPDATE workspaces SET state = ? WHERE workspace_id = ?", state, held);
  {
    using _lock = await acquireLock(join(place.workspaces.directory(held), "lock"));
    set("resetting");
    await fails("workspace_busy", "workspace_exec", { workspace_id: held, command: "true" });
    set("stopped");
  }
  await place.pyro.deleteWorkspace(held);
});

test("one whose supervisor cannot start: supervisor_unavailable", async () => {
  const alone = await place.create();
  await place.workspaces.killSupervisor(alone);
  const socket = join(place.workspaces.directory(alone), "supervisor.sock");
  rmSync(socket, { force: true });
  // No socket can be made where a directory is.
  mkdirSync(join(socket, "occupied"), { recursive: true });
  await fails("supervisor_unavailable", "workspace_exec", { workspace_id: alone, command: "true" });
  // As its hint says.
  assert.equal((await place.pyro.stopWorkspace(alone)).state, "stopped");
  rmSync(socket, { recursive: true });
  assert.equal((await place.pyro.startWorkspace(alone)).state, "started");
  await place.pyro.deleteWorkspace(alone);
});

test("one whose disk is full: guest_no_space", async () => {
  const full = await place.create();
  // Room is taken without being written to, then to the last block.
  const line =
    "a=$(df --output=avail -B1 . | tail -1); fallocate -l $a most; dd if=/dev/zero of=rest bs=4k";
  await place.pyro.execWorkspace(full, { command: ["sh", "-c", line] });
  const input = { workspace_id: full, path: "new", text: "x".repeat(1024 * 1024) };
  await fails("guest_no_space", "workspace_file_write", input);
  await place.pyro.deleteWorkspace(full);
});

test("one whose stored content is not what was stored: snapshot_damaged", async () => {
  const kept = await place.create();
  await connection.record("snapshot_create", { workspace_id: kept, name: "kept" });
  const [path = ""] = globSync(join(place.workspaces.directory(kept), "**", "kept.image.json"));
  writeFileSync(path, "{}");
  await fails("snapshot_damaged", "workspace_reset", { workspace_id: kept, snapshot: "kept" });
  await place.pyro.deleteWorkspace(kept);
});

test("one that cannot be taken out as asked: export_refused, export_limit", async () => {
  const line = "mkdir big; truncate -s 17G big/sparse";
  await connection.bulk("workspace_exec", { workspace_id: id, command: line });
  await fails("export_limit", "workspace_export", {
    workspace_id: id,
    path: "big",
    output_path: "big",
  });
  // Of a directory that is not there, the server says so before anybody is asked.
  const output = join(place.project, "no", "such", "directory");
  const args = ["workspace", "export", id, "big", "--output", output, "--json"];
  const { stdout } = await place.workspaces.home.pyro(args);
  assert.equal(JSON.parse(stdout).error?.code, "export_refused", stdout);
});

const lies: Readonly<Record<string, Lie>> = {
  guest_protocol_error: (stream) => {
    stream.respond({ ":status": 200 });
    stream.end("no record of a tree");
  },
  guest_exec_failed: (stream) => {
    stream.respond({ ":status": 500 });
    stream.end('{"error":{"code":"odd","message":"no reason"}}');
  },
};

for (const [code, lie] of Object.entries(lies))
  test(`one whose agent is not ours any more: ${code}`, async () => {
    await using agent = await LyingAgent.start(place.workspaces, id);
    agent.lie = lie;
    await fails(code, "workspace_file_list", { workspace_id: agent.workspaceId });
    await place.pyro.deleteWorkspace(agent.workspaceId);
  });
