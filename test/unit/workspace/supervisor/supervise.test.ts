import assert from "node:assert/strict";
import { readdirSync, rmSync } from "node:fs";
import { afterEach, test } from "node:test";
import type { AgentClient } from "../../../../src/channel/agent-client.ts";
import { encodeFrame, frameKind } from "../../../../src/channel/frames.ts";
import { limits } from "../../../../src/model/limits.ts";
import { outputPath, readOutputFile } from "../../../../src/workspace/supervisor/output-file.ts";
import { supervisorVersion } from "../../../../src/workspace/supervisor/requests.ts";
import { SupervisedWorkspace } from "../../../support/supervised-workspace.ts";
import { until } from "../../../support/until.ts";
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
  const stop = client.supervisor.endRun("stop");
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
  await refusal(client.supervisor.endRun("stop"));
  assert.equal(workspace.row?.state, "started");
  assert.equal(await client.tree.mark(), "1000");
  await client.supervisor.endRun("stop");
  await workspace.supervised;
  assert.equal(workspace.row?.state, "stopped");
});

test("after a stop that could not begin, a machine that breaks is noticed", async () => {
  // The third that this process is asked for.
  process.env.PYRO_FAULT = "end.asked:3:enospc";
  workspace = await SupervisedWorkspace.start();
  const client = await workspace.connect();
  await refusal(client.supervisor.endRun("stop"));
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

const large = Buffer.alloc(1 << 20, "x");
const withBody: Record<string, (client: AgentClient, signal: AbortSignal) => Promise<unknown>> = {
  write: ({ tree }, signal) => tree.write("a", large, { signal }),
  edit: ({ tree }, signal) =>
    tree.edit([{ op: "write", path: "a", content: large, expect: null }], { signal }),
  archive: ({ tree }, signal) =>
    tree.archive("", { paths: Array.from({ length: 1 << 17 }, () => "name"), signal }),
};

for (const [what, call] of Object.entries(withBody))
  test(`a guest is never told that a ${what} that was taken back is whole`, async () => {
    workspace = await SupervisedWorkspace.start();
    const seen = Promise.withResolvers<{ received: number; announced: number }>();
    const begun = Promise.withResolvers<void>();
    workspace.lie = (stream, headers) => {
      const announced = Number(headers["content-length"]);
      let received = 0;
      stream.once("readable", begun.resolve);
      stream.once("close", () => seen.resolve({ received, announced }));
      void begun.promise.then(() => {
        stream.on("data", (chunk: Buffer) => {
          received += chunk.length;
        });
      });
    };
    const client = await workspace.connect();
    const stop = new AbortController();
    const work = call(client, stop.signal);
    work.catch(() => undefined);
    await begun.promise;
    stop.abort();
    await assert.rejects(work, { code: "cancelled" });
    const { received, announced } = await seen.promise;
    assert.ok(announced > received, `${received} of ${announced}`);
  });

test("a command whose end does not fit into the journal ends as it did, and is written down later", async () => {
  process.env.PYRO_FAULT = "exec.journaled:1:enospc";
  workspace = await SupervisedWorkspace.start();
  const output = encodeFrame(frameKind.stdout, Buffer.alloc(60_000, "x"));
  workspace.lie = (stream, headers) => {
    stream.respond({ ":status": 200 });
    if (headers[":path"] !== "/v1/exec") return stream.end("{}");
    // More than the journal keeps of the beginning, so that the end comes last.
    for (let sent = 0; sent < 9 << 20; sent += 60_000) stream.write(output);
    stream.end(encodeFrame(frameKind.end, Buffer.from('{"exit_code":3}')));
  };
  const client = await workspace.connect();
  let isUnjournaled = false;
  const warned: Error[] = [];
  const warn = (warning: Error) => warned.push(warning);
  process.on("warning", warn);
  const outcome = await client.exec(
    { command: ["cat"], timeoutMs: 0 },
    { onUnjournaled: () => (isUnjournaled = true) },
  );
  process.off("warning", warn);
  // Such as that of listeners that every frame leaves behind.
  assert.deepEqual(warned, []);
  assert.equal(outcome.kind === "exited" && outcome.exitCode, 3);
  assert.equal(isUnjournaled, true);
  const command = () => workspace.records.journal.commands(workspace.workspaceId)[0];
  assert.equal(command()?.endedAt, null);
  await until("the end is written down", () => command()?.endedAt !== null);
  assert.deepEqual([command()?.exitCode, command()?.interrupted], [3, null]);
  const bytes = Math.ceil((9 << 20) / 60_000) * 60_000;
  const kept = limits.journalHeadBytesMax + limits.journalTailBytesMax;
  assert.deepEqual([command()?.stdoutBytes, command()?.stdoutDroppedBytes], [bytes, bytes - kept]);
  const { stdout } = await readOutputFile(outputPath(workspace.files.outputDirectory, 1));
  assert.equal(stdout.length, kept);
});

test("a workspace whose directory is gone takes its machine and supervisor along", async () => {
  workspace = await SupervisedWorkspace.start();
  workspace.lie = () => undefined;
  await workspace.connect();
  rmSync(workspace.files.directory, { recursive: true });
  await workspace.supervised;
  assert.equal(workspace.lives, false);
});

test("output beyond what a workspace may keep goes, the oldest first, and its row says so", async () => {
  workspace = await SupervisedWorkspace.start({}, { outputBytesMax: 250_000 });
  const output = encodeFrame(frameKind.stdout, Buffer.alloc(60_000, "x"));
  workspace.lie = (stream) => {
    stream.respond({ ":status": 200 });
    stream.write(output);
    stream.end(encodeFrame(frameKind.end, Buffer.from('{"exit_code":0}')));
  };
  const client = await workspace.connect();
  for (let count = 0; count < 6; count++) await client.exec({ command: ["cat"], timeoutMs: 0 });
  const commands = workspace.records.journal.commands(workspace.workspaceId);
  assert.deepEqual(
    commands.map(({ stdoutDroppedBytes }) => stdoutDroppedBytes),
    [60_000, 60_000, 0, 0, 0, 0],
  );
  assert.deepEqual(readdirSync(workspace.files.outputDirectory).sort(), ["3", "4", "5", "6"]);
});

test("a supervisor says its version and leaves an idle machine to the next one, but not what it works on", async () => {
  workspace = await SupervisedWorkspace.start();
  const end = Promise.withResolvers<void>();
  const begun = Promise.withResolvers<void>();
  workspace.lie = async (stream, headers) => {
    stream.respond({ ":status": 200 });
    if (headers[":path"] !== "/v1/exec") return stream.end('{"mark":"1000"}');
    stream.write(encodeFrame(frameKind.stdout, Buffer.from("begun")));
    begun.resolve();
    await end.promise;
    stream.end(encodeFrame(frameKind.end, Buffer.from('{"exit_code":0}')));
  };
  const client = await workspace.connect();
  assert.equal(await client.supervisor.version(), supervisorVersion);
  const command = client.exec({ command: ["true"], timeoutMs: 0 });
  await begun.promise;
  assert.equal(await client.supervisor.stepAside(), false);
  end.resolve();
  assert.equal((await command).kind, "exited");
  assert.equal(await client.supervisor.stepAside(), true);
  await workspace.supervised;
  assert.equal(workspace.lives, true);
  assert.equal(workspace.row?.state, "started");
  // The next one adopts the machine; nothing that ended is taken for cut off.
  workspace.supervise(1 << 30);
  const next = await workspace.connect();
  assert.equal(await next.tree.mark(), "1000");
  assert.equal(workspace.records.journal.commands(workspace.workspaceId)[0]?.interrupted, null);
});
