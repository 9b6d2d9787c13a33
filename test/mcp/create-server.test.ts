import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import { test } from "node:test";
import { Client, InMemoryTransport } from "@modelcontextprotocol/client";
import { createServer } from "../../src/index.ts";

test("a server of the SDK answers on a transport of the MCP SDK", async () => {
  using server = createServer({ profile: "vm-run" });
  const [ours, theirs] = InMemoryTransport.createLinkedPair();
  await server.connect(theirs);
  const client = new Client({ name: "test", version: "1" });
  await client.connect(ours);
  const { tools } = await client.listTools();
  assert.deepEqual(
    tools.map(({ name }) => name),
    ["vm_run"],
  );
  await client.close();
});

test("a server of the SDK serves streams until their end", async () => {
  using server = createServer();
  const [stdin, stdout] = [new PassThrough(), new PassThrough()];
  const served = server.serveStdio({ stdin, stdout });
  stdin.end();
  await served;
  assert.equal(stdout.read(), null);
});

test("options that cannot be used are refused by name", async () => {
  const wrong = createServer({ tools: ["no_such_tool"] });
  await assert.rejects(wrong.serveStdio(), { code: "invalid_argument", message: /no_such_tool/ });
});
