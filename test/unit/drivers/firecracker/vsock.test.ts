import assert from "node:assert/strict";
import { once } from "node:events";
import { rmSync } from "node:fs";
import { connect, createServer, type Socket } from "node:net";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { connectToGuest } from "../../../../src/drivers/firecracker/vsock.ts";
import { scratchDirectory } from "../../../support/home.ts";

const directory = scratchDirectory();
after(() => rmSync(directory, { recursive: true, force: true }));

let count = 0;

/** Connects to a socket that answers as `answer` does. */
async function connecting(answer: (socket: Socket, asked: string) => unknown) {
  const path = join(directory, `${count++}.sock`);
  const server = createServer((socket) => {
    socket.on("error", () => undefined);
    socket.once("data", (asked) => answer(socket, String(asked)));
  }).listen(path);
  await once(server, "listening");
  const socket = connect(path);
  const isConnected = await connectToGuest(socket, 1024);
  server.close();
  return { socket, isConnected };
}

describe("a connection to the guest", () => {
  it("carries what follows the answer, and nothing before", async () => {
    let asked = "";
    const { socket, isConnected } = await connecting((peer, text) => {
      asked = text;
      peer.end("OK 1073741824\nfirst bytes of the guest");
    });
    assert.deepEqual([asked, isConnected], ["CONNECT 1024\n", true]);
    const received = await Array.fromAsync(socket as AsyncIterable<Buffer>);
    assert.equal(String(Buffer.concat(received)), "first bytes of the guest");
  });

  it("was not made when it is closed, answered otherwise, or never", async () => {
    for (const answer of [
      (peer: Socket) => peer.end(),
      (peer: Socket) => peer.destroy(),
      (peer: Socket) => peer.write("ERROR 7\n"),
      (peer: Socket) => peer.write("O".repeat(100)),
      () => undefined,
    ]) {
      const { socket, isConnected } = await connecting(answer);
      assert.equal(isConnected, false);
      assert.equal(socket.destroyed, true);
    }
  });
});
