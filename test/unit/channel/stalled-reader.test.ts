import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type Http2Server, type ServerHttp2Stream } from "node:http2";
import { type AddressInfo, connect } from "node:net";
import { after, before, test } from "node:test";
import { AgentClient } from "../../../src/channel/agent-client.ts";
import { until } from "../../support/until.ts";

const payload = Buffer.alloc(60_000, "x");
const frameCount = 18_000;
const header = Buffer.from([1, 0, 0, 0, 0]);
header.writeUInt32BE(payload.length, 1);
const frame = Buffer.concat([header, payload]);
const end = Buffer.from('{"exit_code":0}');
const endFrame = Buffer.concat([Buffer.from([3, 0, 0, 0, end.length]), end]);

/** An agent that sends a gibibyte as fast as it is taken. */
let sentFrames = 0;
let server: Http2Server;

async function flood(stream: ServerHttp2Stream): Promise<void> {
  stream.respond({ ":status": 200 });
  for (sentFrames = 0; sentFrames < frameCount; sentFrames++)
    if (!stream.write(frame)) await once(stream, "drain");
  stream.end(endFrame);
}

before(async () => {
  server = createServer();
  server.on("stream", (stream) => {
    stream.on("error", () => undefined);
    void flood(stream);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
});

after(() => server.close());

test("a reader that stalls holds a gibibyte back, and gets every byte once it reads again", async () => {
  const socket = connect((server.address() as AddressInfo).port, "127.0.0.1");
  await once(socket, "connect");
  using client = await AgentClient.connectAttached(socket);
  const stall = Promise.withResolvers<void>();
  let bytes = 0;
  let isFirst = true;
  const onStdout = (chunk: Buffer) => {
    bytes += chunk.length;
    if (!isFirst) return;
    isFirst = false;
    return stall.promise;
  };
  const running = client.exec({ command: ["flood"], timeoutMs: 0 }, { onStdout });
  let last = -1;
  let unchanged = 0;
  await until("the agent is held back", () => {
    unchanged = sentFrames > 0 && sentFrames === last ? unchanged + 1 : 0;
    last = sentFrames;
    return unchanged >= 10;
  });
  // Windows, sockets and one chunk: a small part of it all.
  assert.ok(sentFrames * frame.length < 64 * 1024 ** 2, `${sentFrames} frames were taken`);
  stall.resolve();
  assert.equal((await running).kind, "exited");
  assert.equal(bytes, frameCount * payload.length);
});
