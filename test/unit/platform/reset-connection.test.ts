import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { duplexPair } from "node:stream";
import { describe, it } from "node:test";
import { resetConnection } from "../../../src/platform/reset-connection.ts";

describe("a connection that is reset", () => {
  for (const [when, prepare] of Object.entries<(socket: Socket) => unknown>({
    "while it is open": () => undefined,
    "while its end is on the way": (socket) => socket.end("bye"),
    "behind its end": async (socket) => {
      socket.end("bye");
      await once(socket, "finish");
    },
    "with an end behind more than the other side takes": (socket) =>
      socket.end(Buffer.alloc(32 << 20)),
    "twice, while its end is on the way": (socket) => {
      socket.end();
      resetConnection(socket);
    },
  }))
    it(`breaks ${when}, and is gone`, async () => {
      const server = createServer({ allowHalfOpen: true }).listen(0, "127.0.0.1");
      await once(server, "listening");
      const { port } = server.address() as AddressInfo;
      const client = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
      const [socket] = (await once(server, "connection")) as [Socket];
      const closed = once(socket, "close");
      const broken = once(client, "error");
      socket.on("error", (error) => assert.fail(error));
      await prepare(socket);
      resetConnection(socket);
      await closed;
      client.resume();
      // One that has read the end learns it when it writes.
      client.once("end", () => client.write("still there?"));
      assert.match((await broken)[0].code, /^(ECONNRESET|EPIPE)$/);
      server.close();
      await once(server, "close");
    });

  it("may be no socket at all, and breaks at once", () => {
    const [near] = duplexPair();
    let isReset = false;
    const resetAndDestroy = () => {
      isReset = true;
    };
    const connection = Object.assign(near, { resetAndDestroy });
    connection.end();
    resetConnection(connection);
    assert.ok(isReset);
  });
});
