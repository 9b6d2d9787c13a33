import assert from "node:assert/strict";
import http2 from "node:http2";
import { afterEach, beforeEach, test } from "node:test";
import { PyroError } from "../../../../src/index.ts";
import { readConfig } from "../../../../src/platform/config.ts";
import { listenUnix } from "../../../../src/platform/unix-socket.ts";
import { Supervisors } from "../../../../src/workspace/life/supervisors.ts";
import { SupervisedWorkspace } from "../../../support/supervised-workspace.ts";

let workspace: SupervisedWorkspace;
beforeEach(async () => {
  workspace = await SupervisedWorkspace.start();
  const client = await workspace.connect();
  await client.supervisor.stepAside();
  await workspace.supervised;
});
afterEach(() => workspace[Symbol.asyncDispose]());

/** Stands where the workspace's supervisor would, and answers as that of another pyro. */
async function listen(answer: (path: string) => { status: number; body: object }) {
  const listener = await listenUnix(workspace.files.supervisorSocketPath);
  const server = http2.createServer();
  const asked: string[] = [];
  server.on("stream", (stream, headers) => {
    const path = String(headers[":path"]);
    asked.push(path);
    const { status, body } = answer(path);
    stream.respond({ ":status": status });
    stream.end(JSON.stringify(body));
    if (path.endsWith("step-aside") && status === 200) listener.close();
  });
  listener.on("connection", (socket) => server.emit("connection", socket));
  return { asked, [Symbol.dispose]: () => listener.close() };
}

async function connect(): Promise<void> {
  const config = readConfig({ PYRO_STATE_DIR: workspace.stateDirectory, HOME: "/" });
  const supervisors = new Supervisors({ config, program: "/nonexistent" });
  try {
    const { row } = workspace;
    assert.ok(row);
    await supervisors.connect(row, () => {
      throw new PyroError("workspace_lost", "nobody is there");
    });
  } finally {
    supervisors.close();
  }
}

const unknown = { error: { code: "internal", message: "The supervisor knows no such request." } };

test("a supervisor that does not know of versions is used as it is", async () => {
  using supervisor = await listen(() => ({ status: 599, body: unknown }));
  await connect();
  assert.deepEqual(supervisor.asked, ["/v1/supervisor", "/v1/supervisor/step-aside"]);
});

test("one of a newer pyro is named as that", async () => {
  using _supervisor = await listen(() => ({ status: 200, body: { version: 99 } }));
  await assert.rejects(connect(), { code: "not_supported", message: /newer pyro \(version 99/ });
});

test("an older one that makes way is not used any more", async () => {
  using supervisor = await listen(() => ({ status: 200, body: { version: 0 } }));
  await assert.rejects(connect(), { code: "workspace_lost" });
  assert.deepEqual(supervisor.asked, ["/v1/supervisor", "/v1/supervisor/step-aside"]);
});
