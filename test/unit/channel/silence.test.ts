import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type Http2Server, type ServerHttp2Stream } from "node:http2";
import { type AddressInfo, connect } from "node:net";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { AgentClient } from "../../../src/channel/agent-client.ts";

const silenceMsMax = 150;

/** An agent that takes everything and says what `answer` says. */
let answer: (stream: ServerHttp2Stream) => void;
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

async function open(): Promise<AgentClient> {
  const socket = connect((server.address() as AddressInfo).port, "127.0.0.1");
  await once(socket, "connect");
  return AgentClient.connectAttached(socket, { silenceMsMax });
}

const isSilent = { code: "guest_lost", message: "The guest was silent for 0.15 s." };

test("a guest that never answers is given up", async () => {
  using client = await open();
  answer = () => undefined;
  await assert.rejects(client.tree.mark(), isSilent);
  await assert.rejects(client.tree.write("file", Buffer.from("text")), isSilent);
});

test("a guest that stops in the middle is given up", async () => {
  using client = await open();
  answer = (stream) => {
    stream.respond({ ":status": 200, "x-pyro-size": "9", "x-pyro-mode": "644" });
    stream.write("half");
  };
  await assert.rejects(client.tree.read("file", { max: 100 }), isSilent);
});

test("a guest that does not take what it is sent is given up", async () => {
  using client = await open();
  answer = (stream) => stream.pause();
  await assert.rejects(client.tree.write("file", Buffer.alloc(32 << 20)), isSilent);
});

test("a source that pauses for longer is not the guest's fault", async () => {
  using client = await open();
  answer = (stream) => {
    stream.resume();
    stream.once("end", () => {
      stream.respond({ ":status": 200 });
      stream.end('{"entry_count":1,"bytes":2,"mark":"1000"}');
    });
  };
  async function* source(): AsyncGenerator<Buffer> {
    yield Buffer.from("first");
    await sleep(3 * silenceMsMax);
    yield Buffer.from("second");
  }
  const { entryCount } = await client.tree.extract("", source());
  assert.equal(entryCount, 1);
});

test("a command may be silent for as long as it likes", async () => {
  using client = await open();
  const end = Buffer.from('{"exit_code":0}');
  answer = (stream) => {
    stream.respond({ ":status": 200 });
    setTimeout(
      () => stream.end(Buffer.concat([Buffer.from([3, 0, 0, 0, end.length]), end])),
      3 * silenceMsMax,
    );
  };
  const { kind } = await client.exec({ command: ["sleep"], timeoutMs: 0 });
  assert.equal(kind, "exited");
});

test("a guest that never says that it stands still is given up, and one that does may stand for long", async () => {
  using client = await open();
  answer = () => undefined;
  await assert.rejects(client.freeze(), isSilent);
  answer = (stream) => {
    stream.respond({ ":status": 200 });
    stream.once("end", () => stream.end()).resume();
  };
  await using still = await client.freeze();
  await sleep(3 * silenceMsMax);
  still.requireHeld();
});
