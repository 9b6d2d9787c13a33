import assert from "node:assert/strict";
import { existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import type { ServerHttp2Stream } from "node:http2";
import { join } from "node:path";
import { after, afterEach, before, describe, it } from "node:test";
import { encodeFrame, frameKind } from "../../src/channel/frames.ts";
import { type Lie, LyingAgent } from "../support/lying-agent.ts";
import { hostDigest, refusal, TestWorkspaces, timed } from "../support/workspaces.ts";

const growthBytesMax = 64 << 20;
const elapsedMsMax = 10_000;

const end = (json: string) => encodeFrame(frameKind.end, Buffer.from(json));
const output = (text: string) => encodeFrame(frameKind.stdout, Buffer.from(text));
const header = (kind: number, length: number) => {
  const bytes = Buffer.alloc(5);
  bytes[0] = kind;
  bytes.writeUInt32BE(length, 1);
  return bytes;
};
/** Answers with these bytes. */
const bytes =
  (...chunks: (Buffer | string)[]): Lie =>
  (stream) => {
    stream.respond({ ":status": 200 });
    for (const chunk of chunks) stream.write(chunk);
    stream.end();
  };
const status =
  (code: number, body: string): Lie =>
  (stream) => {
    stream.respond({
      ":status": code,
      location: "http://127.0.0.1/",
      "content-type": "application/json",
    });
    stream.end(body);
  };
/** As much as is taken, for ever. */
const endless =
  (chunk: Buffer, first: Buffer = Buffer.alloc(0)): Lie =>
  (stream) => {
    stream.respond({ ":status": 200 });
    stream.write(first);
    const more = () => {
      while (!stream.destroyed && stream.write(chunk));
    };
    stream.on("drain", more);
    more();
  };
const silent: Lie = () => undefined;
const halfSilent: Lie = (stream) => {
  stream.respond({ ":status": 200 });
  stream.write(output("and then"));
};
const refusal599 = JSON.stringify({
  error: { code: "workspace_name_taken", message: "said the guest", hint: "Run: rm -rf /" },
});
const deep = (depth: number) => `${'{"a":'.repeat(depth)}1${"}".repeat(depth)}`;

describe("a guest agent that lies", () => {
  let place: TestWorkspaces;
  let agent: LyingAgent;
  let canary = "";
  before(async () => {
    place = await TestWorkspaces.open();
    await place.create({ name: "honest" });
    mkdirSync(place.path("out"));
    canary = hostDigest(place.path("out"));
    agent = await LyingAgent.start(place, "honest");
  });
  afterEach(async () => {
    assert.equal(hostDigest(place.path("out")), canary);
    assert.equal(await place.sh("honest", "echo works"), "works\n");
  });
  after(async () => {
    // Whatever it said, its workspace can be deleted.
    assert.equal((await place.pyro.deleteWorkspace(agent.workspaceId)).deleted, true);
    await agent[Symbol.asyncDispose]();
    await place.assertAgree();
    await place.assertNothingLeft();
    await place[Symbol.asyncDispose]();
  });

  /** The call is refused in bounded time and memory, and the workspace takes the next. */
  const assertRefused = async (
    lie: Lie,
    call: () => Promise<unknown>,
    codes: readonly string[],
  ) => {
    agent.lie = lie;
    const before = process.memoryUsage().rss;
    const { elapsedMs, value } = await timed(refusal(call()));
    assert.ok(codes.includes(value.code), `${value.code}: ${value.message}`);
    assert.ok(!value.message.includes("rm -rf") && !value.hint?.includes("rm -rf"), value.hint);
    assert.ok(elapsedMs < elapsedMsMax, `after ${elapsedMs} ms`);
    assert.ok(process.memoryUsage().rss - before < growthBytesMax, "memory");
    agent.lie = bytes(output("honest\n"), end('{"exit_code":0}'));
    const next = await place.pyro.execWorkspace(agent.workspaceId, { command: ["true"] });
    assert.equal(next.stdout, "honest\n");
    assert.ok(agent.lives, "the machine was ended");
  };
  const broken = ["guest_protocol_error", "guest_lost"];
  const refused = [...broken, "guest_exec_failed", "workspace_path_not_found"];

  const execLies: Record<string, Lie> = {
    "a frame of 4 GiB": bytes(header(frameKind.stdout, 0xffffffff)),
    "a frame a little too long": bytes(header(frameKind.stdout, 65_537)),
    "a frame of an unknown kind": bytes(encodeFrame(9, Buffer.from("?")), end('{"exit_code":0}')),
    "a refusal only a supervisor may send": bytes(
      encodeFrame(frameKind.refusal, Buffer.from(refusal599)),
    ),
    "half a frame": bytes(header(frameKind.stdout, 100), "half"),
    nothing: bytes(),
    "output and no end": bytes(output("much")),
    "two ends": bytes(Buffer.concat([end('{"exit_code":0}'), end('{"exit_code":1}')])),
    "output after the end": bytes(Buffer.concat([end('{"exit_code":0}'), output("late")])),
    "an exit code that is text": bytes(end('{"exit_code":"0"}')),
    "an exit code of 256": bytes(end('{"exit_code":256}')),
    "an exit code of -1": bytes(end('{"exit_code":-1}')),
    "an exit code that is no number": bytes(end('{"exit_code":NaN}')),
    "an exit code and a half": bytes(end('{"exit_code":0.5}')),
    "an exit code that is null": bytes(end('{"exit_code":null}')),
    "an exit code and a signal": bytes(end('{"exit_code":0,"signal":"KILL"}')),
    "an exit code by way of the prototype": bytes(end('{"__proto__":{"exit_code":0}}')),
    "an end that is a list": bytes(end("[0]")),
    "an end that is deep": bytes(end(deep(10_000))),
    "an end that is no UTF-8": bytes(encodeFrame(frameKind.end, Buffer.from([0xff, 0xfe]))),
    "an end that is empty": bytes(end("")),
    "a signal that would drive a terminal": bytes(end('{"signal":"\\u001b[2J"}')),
    "a reason nobody knows": bytes(end('{"not_started":"because"}')),
    "the supervisor's own status": status(599, refusal599),
    "a redirect": status(302, "{}"),
    "an error without end": (stream) => {
      stream.respond({ ":status": 500 });
      endlessBody(stream);
    },
    "an error that is deep": status(500, deep(10_000)),
    "an error with terminal codes": status(
      500,
      '{"error":{"code":"x","message":"\\u001b]52;c;x\\u0007"}}',
    ),
    "a reset": (stream) => stream.close(2),
  };
  const endlessBody = (stream: ServerHttp2Stream) => {
    const chunk = Buffer.alloc(16_384, "x");
    const more = () => {
      while (!stream.destroyed && stream.write(chunk));
    };
    stream.on("drain", more);
    more();
  };

  describe("is never believed about how a command ended", () => {
    for (const [what, lie] of Object.entries(execLies))
      it(`when it answers with ${what}`, async () => {
        const call = () =>
          place.pyro.execWorkspace(agent.workspaceId, { command: ["true"], timeoutSeconds: 5 });
        await assertRefused(lie, call, refused);
        const { commands } = await place.pyro.logsWorkspace(agent.workspaceId);
        assert.equal(commands.at(-2)?.exitCode, null);
        assert.ok(commands.at(-2)?.interrupted);
      });
  });

  for (const [what, lie] of [
    ["nothing at all", silent],
    ["a beginning and then nothing", halfSilent],
  ] as const)
    it(`is given up some seconds after a command's time when it says ${what}`, async () => {
      agent.lie = lie;
      const call = place.pyro.execWorkspace(agent.workspaceId, {
        command: ["true"],
        timeoutSeconds: 1,
      });
      const { elapsedMs, value } = await timed(refusal(call));
      assert.equal(value.code, "guest_lost");
      assert.ok(elapsedMs < 15_000, `after ${elapsedMs} ms`);
    });

  it("cannot fill our memory with the output of a command", async () => {
    agent.lie = endless(output("x".repeat(65_000)));
    const controller = new AbortController();
    let received = 0;
    const before = process.memoryUsage().rss;
    const call = place.pyro.execWorkspace(agent.workspaceId, {
      command: ["true"],
      signal: controller.signal,
      onStdout: (chunk) => {
        received += chunk.length;
        if (received > 100 << 20) controller.abort();
      },
    });
    await assert.rejects(call);
    assert.ok(process.memoryUsage().rss - before < 2 * growthBytesMax, "memory");
    const outputs = join(place.directory(agent.workspaceId), "output");
    const kept = readdirSync(outputs).map((name) => readFileSync(join(outputs, name)).length);
    assert.ok(Math.max(...kept) < 20 << 20, `${kept}`);
  });

  const record = (type: string, path: string, { mode = "644", size = 0, target = "" } = {}) =>
    Buffer.from(`${type} ${mode} ${size} 0 0 0 0 - 0 ${path}\0${target}\0`, "latin1");
  const content = (text: string) => {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(text.length);
    return Buffer.concat([Buffer.from("D"), length, Buffer.from(text), Buffer.from("E\0")]);
  };
  const root = record("d", "", { mode: "755" });
  const last = (count: number) => record(".", "", { size: count, mode: "0" });
  const evil = (...entries: Buffer[]) => bytes(root, ...entries, last(entries.length + 1));
  const file = (path: string, text = "evil") =>
    Buffer.concat([record("f", path, { size: text.length }), content(text)]);
  const treeLies: Record<string, Lie> = {
    "a name that climbs": evil(file("../escaped")),
    "a name that climbs later": evil(record("d", "a", { mode: "755" }), file("a/../../escaped")),
    "an absolute name": evil(file("/tmp/escaped")),
    "an empty component": evil(file("a//b")),
    "a file through a link": evil(record("l", "link", { target: ".." }), file("link/escaped")),
    "a further name of what lies outside": evil(
      record("h", "hard", { target: "../../etc/passwd" }),
    ),
    "a name of 5,000 bytes": evil(file("n".repeat(5_000))),
    "a file within a file": evil(file("a"), file("a/b")),
    "one name twice": evil(file("a"), file("a", "other")),
    "more bytes than it announced": evil(
      Buffer.concat([record("f", "a", { size: 2 }), content("much more")]),
    ),
    "fewer bytes than it announced": evil(
      Buffer.concat([record("f", "a", { size: 200 }), content("few")]),
    ),
    "a size that is too large": evil(record("f", "a", { size: 2 ** 60 })),
    "a record that never ends": bytes(root, Buffer.alloc(1 << 20, "1")),
    "an entry that counts wrong": bytes(root, last(7)),
    "something after the end": bytes(root, last(1), "more"),
    "no end": bytes(root),
    "no tree": bytes("<html>"),
    "entries without end": endless(file("a"), root),
    "the supervisor's own status": status(599, refusal599),
    "a redirect": status(301, ""),
  };

  describe("never writes outside an export, nor half of one", () => {
    for (const [what, lie] of Object.entries(treeLies))
      it(`when it answers with ${what}`, async () => {
        const call = () =>
          place.pyro.exportWorkspace(agent.workspaceId, "", { outputPath: place.path("out/tree") });
        await assertRefused(lie, call, [...refused, "export_refused", "export_limit"]);
        assert.deepEqual(readdirSync(place.path("out")), []);
        assert.ok(!existsSync(place.path("escaped")) && !existsSync("/tmp/escaped"));
      });
  });

  const answerLies: Record<string, Lie> = {
    "an answer without end": endless(Buffer.alloc(16_384, " ")),
    "an answer that is deep": bytes(deep(10_000)),
    "an answer that is no JSON": bytes("yes"),
    "a list": bytes("[]"),
    "numbers beyond all bounds": bytes('{"bytes":1e300,"created":true}'),
    "the prototype": bytes('{"__proto__":{"bytes":4,"created":true}}'),
    "the supervisor's own status": status(599, refusal599),
    "a redirect": status(307, ""),
  };

  describe("is not believed about a file it wrote", () => {
    for (const [what, lie] of Object.entries(answerLies))
      it(`when it answers with ${what}`, async () => {
        const call = () => place.pyro.writeWorkspaceFile(agent.workspaceId, "a", { text: "text" });
        await assertRefused(lie, call, refused);
      });
  });

  describe("is not believed about a file it reads", () => {
    const sized =
      (size: string, body: Buffer | "endless"): Lie =>
      (stream) => {
        stream.respond({ ":status": 200, "x-pyro-size": size, "x-pyro-mode": "644" });
        if (body === "endless") endlessBody(stream);
        else stream.end(body);
      };
    for (const [what, lie] of Object.entries({
      "no size": bytes("content"),
      "a size that is none": sized("-1", Buffer.from("x")),
      "a size beyond all bounds": sized("9".repeat(30), Buffer.from("x")),
      "more than was asked for": sized("10", "endless"),
      "the supervisor's own status": status(599, refusal599),
    }))
      it(`when it answers with ${what}`, async () => {
        const call = () => place.pyro.readWorkspaceFile(agent.workspaceId, "a", { maxBytes: 1024 });
        await assertRefused(lie, call, refused);
      });
  });

  describe("is not believed about a directory it lists", () => {
    for (const [what, lie] of Object.entries({
      "no records": bytes("yes"),
      "a name that climbs": bytes(record("f", "../a"), last(1)),
      "a record that never ends": bytes(Buffer.alloc(1 << 20, "1")),
      "no end": bytes(record("f", "a")),
      "the supervisor's own status": status(599, refusal599),
    }))
      it(`when it answers with ${what}`, async () => {
        const call = () => place.pyro.listWorkspaceFiles(agent.workspaceId);
        await assertRefused(lie, call, refused);
      });
  });
});
