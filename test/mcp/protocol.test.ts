import assert from "node:assert/strict";
import { after, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { PyroHome } from "../support/home.ts";
import { RawServer } from "./support/raw-server.ts";

const home = PyroHome.empty();
after(() => home.dispose());

/** Of one message; the server skips what is longer. */
const lineBytesMax = 16 * 1024 * 1024;

const valid = (id: number) => JSON.stringify({ jsonrpc: "2.0", id, method: "ping" });

const malformed: readonly (readonly [what: string, bytes: () => string | Buffer, code: number])[] =
  [
    ["no JSON", () => "hello\n", -32700],
    ["half an object", () => '{"jsonrpc":"2.0","id":7,\n', -32700],
    ["a batch", () => `[${valid(1)},${valid(2)}]\n`, -32600],
    ["an empty batch", () => "[]\n", -32600],
    ["null", () => "null\n", -32600],
    ["a number", () => "42\n", -32600],
    ["another version", () => '{"jsonrpc":"1.0","id":7,"method":"ping"}\n', -32600],
    ["no method", () => '{"jsonrpc":"2.0","id":7}\n', -32600],
    ["a method that is a number", () => '{"jsonrpc":"2.0","id":7,"method":9}\n', -32600],
    [
      "parameters that are text",
      () => '{"jsonrpc":"2.0","id":7,"method":"ping","params":"x"}\n',
      -32600,
    ],
    ["bytes that are no UTF-8", () => Buffer.from([0xff, 0xfe, 0x7b, 0x0a]), -32700],
    ["NUL bytes", () => "\0\0\0\n", -32700],
    ["64 MiB in one line", () => `${"x".repeat(64 * 1024 * 1024)}\n`, -32600],
    ["a message just too long", () => `"${"x".repeat(lineBytesMax)}"\n`, -32600],
  ];

for (const [what, bytes, code] of malformed)
  test(`${what} is answered with an error, and the next ping as ever`, async () => {
    await using server = new RawServer(home);
    await server.initialize();
    server.write(bytes());
    const refused = await server.until(({ error }) => error !== undefined);
    assert.equal(refused.error?.code, code);
    assert.ok((await server.ping()) < 1000);
    assert.deepEqual(server.strays, []);
  });

test("unknown methods, tools and nested arguments cost the connection nothing", async () => {
  await using server = new RawServer(home);
  await server.initialize();
  server.send({ id: 1, method: "no/such/method" });
  assert.equal((await server.answer(1)).error?.code, -32601);
  server.call(2, "no_such_tool", {});
  assert.equal((await server.answer(2)).error?.code, -32602);
  const deep = `${'{"a":'.repeat(10_000)}1${"}".repeat(10_000)}`;
  server.write(
    `{"jsonrpc":"2.0","id":3,"method":"tools/call","params":{"name":"workspace_status","arguments":${deep}}}\n`,
  );
  assert.ok((await server.answer(3)).result?.isError);
  server.write(`{"jsonrpc":"2.0","id":4,"method":"tools/call","params":null}\n`);
  await server.answer(4).catch(() => undefined);
  server.send({ method: "notifications/cancelled", params: { requestId: 99 } });
  server.send({ method: "notifications/no-such-thing" });
  server.send({ id: "never asked", result: {} });
  assert.ok((await server.ping()) < 1000);
  assert.deepEqual(server.strays, []);
});

test("a message may come in pieces, with others, with carriage returns and empty lines", async () => {
  await using server = new RawServer(home);
  await server.initialize();
  const line = valid(1);
  for (const piece of [line.slice(0, 5), line.slice(5, 20), `${line.slice(20)}\r\n\n\r\n`]) {
    server.write(piece);
    await sleep(5);
  }
  server.write(`${valid(2)}\n${valid(3)}\n${valid(4).slice(0, 3)}`);
  server.write(`${valid(4).slice(3)}\n`);
  for (const id of [1, 2, 3, 4]) assert.ok((await server.answer(id)).result, String(id));
});

test("requests with the same number are all answered", async () => {
  await using server = new RawServer(home);
  await server.initialize();
  for (let index = 0; index < 5; index++) server.send({ id: 5, method: "ping" });
  server.send({ id: 2 ** 60, method: "ping" });
  server.send({ id: "x".repeat(10_000), method: "ping" });
  await server.ping();
  assert.equal(server.messages.filter(({ id }) => id === 5).length, 5);
});

for (const how of ["end of input", "SIGTERM", "SIGINT", "SIGHUP"] as const)
  test(`${how} ends the server at once`, async () => {
    await using server = new RawServer(home);
    await server.initialize();
    const begin = performance.now();
    if (how === "end of input") server.process.child.stdin.end();
    else server.process.signal(how);
    const { code, stderr } = await server.process.ended;
    const elapsedMs = performance.now() - begin;
    assert.deepEqual([code, stderr], [0, ""]);
    // 50 ms on a machine that has nothing else to do.
    assert.ok(elapsedMs < 250, `${elapsedMs} ms`);
  });

test("input that ends before it begins, or in the middle of a message, ends the server", async () => {
  const empty = await home.pyro(["mcp", "serve"]);
  assert.deepEqual([empty.code, empty.stdout], [0, ""]);
  const half = await home.pyro(["mcp", "serve"], { input: valid(1).slice(0, 12) });
  assert.deepEqual([half.code, half.stdout], [0, ""]);
});

test("null where the protocol has something optional is as if it were absent", async () => {
  await using server = new RawServer(home);
  await server.initialize();
  server.send({ id: 1, method: "ping", params: null });
  server.send({ id: 2, method: "tools/list", params: { cursor: null, _meta: null } });
  server.send({ id: 3, method: "tools/call", params: { name: "workspace_list", arguments: null } });
  assert.deepEqual((await server.answer(1)).result, {});
  assert.ok(Array.isArray((await server.answer(2)).result?.tools));
  assert.equal((await server.answer(3)).result?.isError, undefined);
});

/** The messages that every client begins with. */
const greeting = [
  {
    id: "init",
    method: "initialize",
    params: {
      protocolVersion: "2025-06-18",
      capabilities: {},
      clientInfo: { name: "pipe", version: "1" },
    },
  },
  { method: "notifications/initialized" },
].map((message) => JSON.stringify({ jsonrpc: "2.0", ...message }));

test("calls that are piped in are all answered, the last one without a line's end too", async () => {
  const params = { name: "workspace_list", arguments: {} };
  const last = JSON.stringify({ jsonrpc: "2.0", id: 2, method: "tools/call", params });
  const input = [...greeting, valid(1), last].join("\n");
  const { code, stdout } = await home.pyro(["mcp", "serve"], { input });
  const answered = stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line).id);
  assert.deepEqual([code, answered.toSorted()], [0, [1, 2, "init"]]);
  assert.match(stdout, /"workspaces\\?":\[\]/);
});

test("a client that closes its end of the output ends the server", async () => {
  await using server = new RawServer(home);
  await server.initialize();
  server.process.child.stdout.destroy();
  server.send({ id: 1, method: "tools/list" });
  assert.equal((await server.process.ended).code, 0);
});

test("tools are listed soon after the start", async () => {
  const samples: number[] = [];
  for (let index = 0; index < 5; index++) {
    const begin = performance.now();
    await using server = new RawServer(home, ["--profile", "workspace-full"]);
    await server.initialize();
    server.send({ id: 1, method: "tools/list" });
    const { result } = await server.answer(1);
    samples.push(performance.now() - begin);
    assert.equal(((result?.tools ?? []) as unknown[]).length, 44);
  }
  // 250 ms on two idle cores; tests share them with others.
  assert.ok(Math.min(...samples) < 500, `${samples}`);
});
