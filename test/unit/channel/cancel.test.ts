import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type Http2Server } from "node:http2";
import { type AddressInfo, connect } from "node:net";
import { after, before, test } from "node:test";
import { AgentClient } from "../../../src/channel/agent-client.ts";
import { PyroError } from "../../../src/index.ts";

/** An agent that never answers; tells when it was asked, and when that was taken back. */
let server: Http2Server;
const asked: (() => void)[] = [];
const takenBack: (() => void)[] = [];

before(async () => {
  server = createServer();
  server.on("stream", (stream) => {
    stream.on("error", () => undefined);
    stream.once("aborted", () => takenBack.shift()?.());
    asked.shift()?.();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
});

after(() => server.close());

async function open(): Promise<AgentClient> {
  const socket = connect((server.address() as AddressInfo).port, "127.0.0.1");
  await once(socket, "connect");
  return AgentClient.connectAttached(socket);
}

const calls: Record<string, (client: AgentClient, signal: AbortSignal) => Promise<unknown>> = {
  scan: ({ tree }, signal) => tree.scan("", { signal }),
  archive: ({ tree }, signal) => tree.archive("", { paths: ["a"], signal }),
  read: ({ tree }, signal) => tree.read("a", { max: 1, signal }),
  write: ({ tree }, signal) => tree.write("a", Buffer.alloc(100), { signal }),
  edit: ({ tree }, signal) => tree.edit([{ op: "delete", path: "a", expect: null }], { signal }),
  freeze: (client, signal) => client.freeze(signal),
  exec: (client, signal) => client.exec({ command: ["true"], timeoutMs: 1000 }, { signal }),
};

for (const [name, call] of Object.entries(calls))
  test(`${name} that is given up fails as cancelled, and the agent is told`, async () => {
    using client = await open();
    const stop = new AbortController();
    const wasAsked = new Promise<void>((resolve) => asked.push(resolve));
    const wasTakenBack = new Promise<void>((resolve) => takenBack.push(resolve));
    const work = call(client, stop.signal);
    work.catch(() => undefined);
    await wasAsked;
    stop.abort();
    await assert.rejects(work, { name: "PyroError", code: "cancelled" });
    await wasTakenBack;
  });

test("what the signal was aborted with is what the call fails with, if it is a failure of ours", async () => {
  using client = await open();
  const reason = new PyroError("expired", "time is over");
  const work = client.tree.read("a", { max: 1, signal: AbortSignal.abort(reason) });
  await assert.rejects(work, (error) => error === reason);
});
