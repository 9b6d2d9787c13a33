import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import type { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { connectUnix, listenForChild, listenUnix } from "../../../src/platform/unix-socket.ts";

test("sockets are reached under paths longer than a socket address holds", async (context) => {
  const root = mkdtempSync(join(tmpdir(), "pyro-test-"));
  context.after(() => rmSync(root, { recursive: true, force: true }));
  const directory = join(root, "a".repeat(100), "b".repeat(100));
  mkdirSync(directory, { recursive: true });
  const path = join(directory, "test.sock");
  const descriptors = () => readdirSync("/proc/self/fd").length;
  const before = descriptors();
  {
    await using server = await listenUnix(path);
    assert.equal(statSync(path).mode & 0o777, 0o600);
    const connection = once(server, "connection") as Promise<[Socket]>;
    const client = connectUnix(path);
    const [peer] = await connection;
    client.end("hello");
    assert.equal(
      String(Buffer.concat(await Array.fromAsync(peer as AsyncIterable<Buffer>))),
      "hello",
    );
    peer.destroy();
    await once(client, "close");
  }
  assert.equal(existsSync(path), false);
  assert.ok(descriptors() <= before, "descriptors leak");
});

test("a socket that is not there is told as such", async (context) => {
  const root = mkdtempSync(join(tmpdir(), "pyro-test-"));
  context.after(() => rmSync(root, { recursive: true, force: true }));
  const [error] = (await once(connectUnix(join(root, "none.sock")), "error").catch(
    (failure: unknown) => [failure],
  )) as [NodeJS.ErrnoException];
  assert.equal(error.code, "ENOENT");
});

test("a socket that is handed over is answered by the child, and nobody reaches it before", async (context) => {
  const root = mkdtempSync(join(tmpdir(), "pyro-test-"));
  context.after(() => rmSync(root, { recursive: true, force: true }));
  const path = join(root, "test.sock");
  const listener = await listenForChild(path);
  assert.equal(existsSync(path), false);
  const child = spawn(process.execPath, ["-e", answering], {
    stdio: ["ignore", "inherit", "inherit", listener.fd],
  });
  listener.handOver();
  assert.deepEqual(readdirSync(root), ["test.sock"]);
  const client = connectUnix(path);
  assert.equal(String((await once(client, "data"))[0]), "the child");
  client.destroy();
  child.kill();
  await once(child, "close");
});

const answering =
  'require("node:net").createServer((peer) => peer.end("the child")).listen({ fd: 3 })';
