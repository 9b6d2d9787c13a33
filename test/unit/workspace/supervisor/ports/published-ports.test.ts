import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type Http2Server } from "node:http2";
import { type AddressInfo, connect } from "node:net";
import { after, before, describe, it } from "node:test";
import { AgentClient } from "../../../../../src/channel/agent-client.ts";
import { encodeFrame } from "../../../../../src/channel/frames.ts";
import { forwardKind } from "../../../../../src/workspace/supervisor/ports/forward-frames.ts";
import {
  PublishedPorts,
  publishedHost,
} from "../../../../../src/workspace/supervisor/ports/published-ports.ts";

describe("a published port", () => {
  /** A guest whose servers end each connection at once. */
  let guest: Http2Server;
  before(async () => {
    guest = createServer().listen(0, "127.0.0.1");
    guest.on("stream", (stream) => {
      stream.on("error", () => undefined).respond();
      stream.write(encodeFrame(forwardKind.end, Buffer.alloc(0)));
    });
    await once(guest, "listening");
  });
  after(() => guest.close());

  it("leaves no connection open whose end is on its way when the port ends", async () => {
    const channel = connect((guest.address() as AddressInfo).port, "127.0.0.1");
    await once(channel, "connect");
    using agent = AgentClient.connectAttached(channel);
    let hostPort = 0;
    await using ports = new PublishedPorts({
      client: () =>
        Object.assign(Object.create(agent), {
          forward: (port: number) =>
            agent
              .forward(port)
              .once("data", () =>
                process.nextTick(queueMicrotask, () => ports.unpublish(hostPort)),
              ),
        }),
      onRefused: () => assert.fail(),
    });
    hostPort = await ports.publish({ hostPort: 0, guestPort: 8000 });
    const client = connect({ port: hostPort, host: publishedHost, allowHalfOpen: true });
    const broken = once(client, "error");
    client.resume().once("end", () => client.write("still there?"));
    assert.match((await broken)[0].code, /^(ECONNRESET|EPIPE)$/);
  });
});
