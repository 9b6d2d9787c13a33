import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type Http2Server, type ServerHttp2Stream } from "node:http2";
import { type AddressInfo, connect } from "node:net";
import { after, before, test } from "node:test";
import { AgentClient } from "../../../src/channel/agent-client.ts";
import type { ExecOutcome } from "../../../src/channel/exec.ts";
import { PyroError } from "../../../src/model/errors.ts";

// A lying agent: a real HTTP/2 server behind a real attach, which answers whatever a test tells it.
let answer: (stream: ServerHttp2Stream) => void = () => undefined;
let server: Http2Server;

before(async () => {
  server = createServer();
  server.on("stream", (stream) => {
    stream.on("error", () => undefined);
    answer(stream);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
});

after(() => server.close());

async function execAgainst(reply: (stream: ServerHttp2Stream) => void): Promise<ExecOutcome> {
  answer = reply;
  const socket = connect((server.address() as AddressInfo).port, "127.0.0.1");
  await once(socket, "connect");
  using client = await AgentClient.connectAttached(socket);
  return await client.exec({ command: ["true"], timeoutMs: 1000 });
}

function frame(kind: number, text: string): Buffer {
  const payload = Buffer.from(text);
  const header = Buffer.alloc(5);
  header[0] = kind;
  header.writeUInt32BE(payload.length, 1);
  return Buffer.concat([header, payload]);
}

const ending = (json: string) => (stream: ServerHttp2Stream) => {
  stream.respond({ ":status": 200 });
  stream.end(frame(3, json));
};

test("only a count of processes is one", async () => {
  const counted = async (text: string) => {
    const outcome = await execAgainst(ending(`{"exit_code":0,"background_process_count":${text}}`));
    assert.ok(outcome.kind === "exited");
    return outcome.backgroundProcessCount;
  };
  assert.equal(await counted("2"), 2);
  for (const lie of ["-1", "1.5", '"7"', "1e300"]) assert.equal(await counted(lie), 0);
});

test("an honest end is understood", async () => {
  assert.deepEqual(await execAgainst(ending('{"exit_code":3,"duration_ms":7}')), {
    kind: "exited",
    exitCode: 3,
    timedOut: false,
    outOfMemory: false,
    backgroundProcessCount: 0,
    durationMs: 7,
  });
  assert.deepEqual(await execAgainst(ending('{"signal":"KILL","timed_out":true}')), {
    kind: "signalled",
    signal: "KILL",
    timedOut: true,
    outOfMemory: false,
    backgroundProcessCount: 0,
    durationMs: 0,
  });
  assert.deepEqual(
    await execAgainst(ending('{"not_started":"command_not_found","message":"no \\u001b[2J"}')),
    { kind: "not_started", reason: "command_not_found", message: "no \\x1b[2J" },
  );
});

const lies = [
  "",
  "null",
  "[]",
  "{",
  "{}",
  '{"exit_code":"0"}',
  '{"exit_code":256}',
  '{"exit_code":-1}',
  '{"exit_code":0.5}',
  '{"exit_code":1e400}',
  '{"exit_code":null}',
  '{"exit_code":0,"signal":"KILL"}',
  '{"signal":"rm -rf"}',
  '{"signal":""}',
  '{"signal":9}',
  '{"not_started":"because"}',
  '{"not_started":"failed","exit_code":0}',
  '{"__proto__":{"exit_code":0}}',
  `${"[".repeat(1000)}${"]".repeat(1000)}`,
  `{"exit_code":${"9".repeat(400)}}`,
];

for (const lie of lies) {
  test(`never taken for an end: ${lie.slice(0, 40)}`, async () => {
    await assert.rejects(
      execAgainst(ending(lie)),
      (error: unknown) => error instanceof PyroError && error.code === "guest_protocol_error",
    );
  });
}

const breaches: Record<string, [(stream: ServerHttp2Stream) => void, string]> = {
  "the stream ends before the end frame": [
    (stream) => {
      stream.respond({ ":status": 200 });
      stream.end(frame(1, "half"));
    },
    "guest_lost",
  ],
  "frames follow the end": [
    (stream) => {
      stream.respond({ ":status": 200 });
      stream.end(Buffer.concat([frame(3, '{"exit_code":0}'), frame(1, "more")]));
    },
    "guest_protocol_error",
  ],
  "a frame of an unknown kind": [
    (stream) => {
      stream.respond({ ":status": 200 });
      stream.end(frame(9, "?"));
    },
    "guest_protocol_error",
  ],
  "the stream is reset": [(stream) => stream.close(2), "guest_lost"],
  "a refusal": [
    (stream) => {
      stream.respond({ ":status": 409 });
      stream.end('{"error":{"code":"conflict","message":"no\\u001b]52;c;x"}}');
    },
    "guest_exec_failed",
  ],
};

for (const [name, [reply, code]] of Object.entries(breaches)) {
  test(`an agent breaks the protocol: ${name}`, async () => {
    await assert.rejects(execAgainst(reply), (error: unknown) => {
      assert.ok(error instanceof PyroError);
      assert.equal(error.code, code);
      assert.doesNotMatch(error.message, /[\u0000-\u001f]/);
      return true;
    });
  });
}
