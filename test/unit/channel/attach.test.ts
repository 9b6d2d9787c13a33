import assert from "node:assert/strict";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { connect, createServer, type Server, type Socket } from "node:net";
import { afterEach, beforeEach, test } from "node:test";
import { attach } from "../../../src/channel/attach.ts";
import { PyroError } from "../../../src/model/errors.ts";

let server: Server;
let host: Socket;
let guest: Socket;

beforeEach(async () => {
  server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const accepted = once(server, "connection");
  host = connect((server.address() as AddressInfo).port, "127.0.0.1");
  [guest] = (await accepted) as [Socket];
  guest.on("error", () => undefined);
});

afterEach(() => {
  host.destroy();
  guest.destroy();
  server.close();
});

async function readLine(socket: Socket): Promise<string> {
  let text = "";
  while (!text.endsWith("\n")) text += String((await once(socket, "data"))[0]);
  return text;
}

test("what an earlier client left is dropped, what follows the echo is kept", async () => {
  const attaching = attach(host, 5000);
  const line = await readLine(guest);
  assert.match(line, /^PYRO\/1 [0-9a-f]{32}\n$/);
  guest.write(
    Buffer.concat([
      Buffer.alloc(200_000, 0x50),
      Buffer.from("PYRO/1 00000000000000000000000000000000\n"),
      Buffer.from(line),
      Buffer.from("PRI"),
    ]),
  );
  await attaching;
  if (host.readableLength === 0) await once(host, "readable");
  assert.equal(String(host.read()), "PRI");
});

test("the echo is found however it is cut", async () => {
  const attaching = attach(host, 5000);
  for (const byte of `stale${await readLine(guest)}`) guest.write(byte);
  await attaching;
});

test("an agent that does not answer is given up", async () => {
  await assert.rejects(
    attach(host, 50),
    (error: unknown) => error instanceof PyroError && error.code === "guest_lost",
  );
});

test("a closed channel is told at once", async () => {
  const attaching = attach(host, 60_000);
  guest.destroy();
  await assert.rejects(attaching);
});
