import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { SupervisedWorkspace } from "../../../support/supervised-workspace.ts";
import { refusal } from "../../../support/workspaces.ts";

let workspace: SupervisedWorkspace;
afterEach(async () => {
  delete process.env.PYRO_FAULT;
  await workspace[Symbol.asyncDispose]();
});

test("whatever is asked while the machine powers off is refused, and the stop goes on", async () => {
  workspace = await SupervisedWorkspace.start();
  const { promise: asked, resolve: isAsked } = Promise.withResolvers<void>();
  workspace.lie = (_stream, headers) => {
    if (headers[":path"] === "/v1/power-off") isAsked();
  };
  const client = await workspace.connect();
  const stop = client.endRun("stop");
  await asked;
  const isEnding = { code: "workspace_lost" };
  await assert.rejects(client.tree.mark(), isEnding);
  await assert.rejects(client.tree.read("a", { max: 1 }), isEnding);
  await assert.rejects(client.tree.write("a", Buffer.from("a")), isEnding);
  await assert.rejects(client.exec({ command: ["true"], timeoutMs: 1000 }), isEnding);
  // The machine ends, as one does that powers off.
  await workspace.machine.kill();
  await stop;
  await workspace.supervised;
  assert.equal(workspace.row?.state, "stopped");
});

test("what nobody knows is refused, and the next request is answered", async () => {
  workspace = await SupervisedWorkspace.start();
  workspace.lie = (stream) => {
    stream.respond({ ":status": 200 });
    stream.end('{"mark":"1000"}');
  };
  const client = await workspace.connect();
  // The agent knows it, the supervisor does not.
  await assert.rejects(client.powerOff(), { code: "internal" });
  assert.equal(await client.tree.mark(), "1000");
});

test("a stop that could not begin leaves the workspace running and can be tried again", async () => {
  process.env.PYRO_FAULT = "end.asked:1:enospc";
  workspace = await SupervisedWorkspace.start();
  workspace.lie = async (stream, headers) => {
    if (headers[":path"] === "/v1/power-off") await workspace.machine.kill();
    stream.respond({ ":status": 200 });
    stream.end('{"mark":"1000"}');
  };
  const client = await workspace.connect();
  await refusal(client.endRun("stop"));
  assert.equal(workspace.row?.state, "started");
  assert.equal(await client.tree.mark(), "1000");
  await client.endRun("stop");
  await workspace.supervised;
  assert.equal(workspace.row?.state, "stopped");
});

test("after a stop that could not begin, a machine that breaks is noticed", async () => {
  // The third that this process is asked for.
  process.env.PYRO_FAULT = "end.asked:3:enospc";
  workspace = await SupervisedWorkspace.start();
  const client = await workspace.connect();
  await refusal(client.endRun("stop"));
  await workspace.break();
  await workspace.supervised;
  assert.equal(workspace.row?.state, "failed");
});

test("a snapshot that is given up while the guest does not stand still lets the next change go", async () => {
  workspace = await SupervisedWorkspace.start();
  const { promise: asked, resolve: isAsked } = Promise.withResolvers<void>();
  workspace.lie = (stream, headers) => {
    if (headers[":path"] === "/v1/freeze") return isAsked();
    stream.respond({ ":status": 200 });
    stream.end('{"bytes":1,"created":true}');
  };
  const client = await workspace.connect();
  const stop = new AbortController();
  const still = client.freeze(stop.signal);
  still.catch(() => undefined);
  await asked;
  const write = client.tree.write("a", Buffer.from("a"));
  stop.abort();
  await assert.rejects(still, { code: "cancelled" });
  assert.equal((await write).created, true);
});
