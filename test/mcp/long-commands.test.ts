import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { until } from "../support/until.ts";
import { killProcess } from "../support/workspaces.ts";
import { environment, GuestPlace } from "./support/guest-place.ts";
import { bulkOf, eras, type McpConnection, textOf } from "./support/mcp-connection.ts";
import { RawServer } from "./support/raw-server.ts";

let place: GuestPlace;
let connection: McpConnection;
let id: string;

before(async () => {
  place = await GuestPlace.open();
  connection = await place.connect();
  id = await place.create();
});

after(async () => {
  await connection[Symbol.asyncDispose]();
  await place.assertNothingLeft();
  await place[Symbol.asyncDispose]();
});

/** A sleep that is told from others by its length. */
const napping = (seconds: number) => ({ workspace_id: id, command: `sleep ${seconds}` });
const naps = (seconds: number) => place.countProcesses(id, `sleep ${seconds}`);

test("a command has no input, and what it leaves running is counted", async () => {
  const command = "[ -p /dev/stdin ] || cat; sleep 641 >/dev/null 2>&1 & echo begun";
  const left = await connection.bulk("workspace_exec", { workspace_id: id, command });
  assert.match(left.header, /^exit 0 \(1 process runs on\) · [\d.]+ m?s · 1 line /);
  assert.deepEqual([left.parts, left.facts.background_process_count], [["begun\n"], 1]);
  await connection.bulk("workspace_exec", { workspace_id: id, command: "pkill -f 'sleep 641'" });
});

test("what a command leaves running writes to its log, where it is read on", async () => {
  const command = "(until [ -e up ]; do sleep 0.05; done; echo listening) & echo begun";
  const left = await connection.bulk("workspace_exec", { workspace_id: id, command });
  const { sequence } = left.facts;
  const where = JSON.stringify({ workspace_id: id, sequence });
  assert.ok(left.text.endsWith(`What runs on writes to: workspace_logs ${where}`), left.text);
  await connection.bulk("workspace_exec", { workspace_id: id, command: "touch up" });
  const log = (place: object) =>
    connection.bulk("workspace_logs", { workspace_id: id, sequence, ...place });
  await until("it is written down", async () => (await log({})).facts.late_offset === 6);
  const page = await log({ offset: 6 });
  assert.match(page.header, /written after its end: from offset 6/);
  assert.deepEqual([page.parts, page.facts.next_offset], [["listening\n"], 16]);
});

test("a command that takes longer goes on, and is read on to its end", async () => {
  const command = "echo begun; until [ -e go ]; do sleep 0.1; done; echo ended; exit 7";
  const first = await connection.bulk("workspace_exec", {
    workspace_id: id,
    command,
    timeout_seconds: 300,
    wait_seconds: 0,
  });
  assert.match(first.header, /^still running · \d lines? so far · sequence \d+$/);
  const { sequence, running } = first.facts;
  assert.ok(running);
  assert.match(
    first.text,
    new RegExp(
      `\nIt goes on for up to 300 s in all. Next: workspace_logs {"workspace_id":"${id}","sequence":${sequence},"offset":\\d,"wait_seconds":50}$`,
    ),
  );
  const look = () => connection.bulk("workspace_logs", { workspace_id: id, sequence });
  await until("it has begun", async () => (await look()).facts.output_bytes === 6);
  assert.deepEqual((await look()).parts, ["begun\n"]);
  const offset = 6;
  const input = { workspace_id: id, sequence, offset };
  const still = await connection.bulk("workspace_logs", input);
  assert.match(
    still.header,
    /^still running · [\d.]+ m?s · 0 lines · sequence \d+ · bytes 6-6 of 6$/,
  );
  const awaited = connection.bulk("workspace_logs", { ...input, wait_seconds: 50 });
  await connection.record("workspace_file_write", { workspace_id: id, path: "go", text: "" });
  const rest = await awaited;
  assert.match(rest.header, /^exit 7 · [\d.]+ m?s · 1 line /);
  assert.deepEqual(rest.parts, ["ended\n"]);
  const at = await connection.bulk("workspace_exec", { ...napping(1.01), wait_seconds: 0 });
  assert.match(at.header, /^still running/);
});

test("a command at its own limit is told as timed out, not as running", async () => {
  const input = { ...napping(61.1), timeout_seconds: 1, wait_seconds: 1 };
  const { header } = await connection.bulk("workspace_exec", input);
  assert.match(header, /^exit 124 \(timed out, killed\)/);
  assert.equal(await naps(61.1), 0);
});

for (const era of eras)
  test(`taking a call back ends its command, and only that (${era})`, async () => {
    await using other = await place.connect([], { era });
    const input = { ...napping(62.5), timeout_seconds: 100 };
    const stop = new AbortController();
    const called = other.call("workspace_exec", input, { signal: stop.signal });
    called.catch(() => undefined);
    await until("the command runs", async () => (await naps(62.5)) > 0);
    stop.abort();
    await assert.rejects(called);
    const begin = performance.now();
    await until("the command is gone", async () => (await naps(62.5)) === 0);
    assert.ok(performance.now() - begin < 5000);
    const alive = await other.bulk("workspace_exec", { workspace_id: id, command: "echo alive" });
    assert.deepEqual(alive.parts, ["alive\n"]);
  });

test("taking back a call that was answered changes nothing", async () => {
  await using server = new RawServer(place.workspaces.home);
  await server.initialize();
  server.call(1, "workspace_exec", { ...napping(308.25), timeout_seconds: 400, wait_seconds: 0 });
  await server.answer(1);
  server.send({ method: "notifications/cancelled", params: { requestId: 1 } });
  await server.ping();
  await sleep(200);
  assert.ok((await naps(308.25)) > 0);
});

test("a VM whose call is taken back is gone", async () => {
  const stop = new AbortController();
  const input = { environment, command: "sleep 40", timeout_seconds: 45 };
  const before = place.workspaces.monitors().length;
  const called = connection.call("vm_run", input, { signal: stop.signal });
  called.catch(() => undefined);
  await until("the VM runs", () => place.workspaces.monitors().length > before);
  stop.abort();
  await until("the VM is gone", () => place.workspaces.monitors().length === before);
});

test("long calls tell that they go on, and pings are answered meanwhile", async () => {
  await using server = new RawServer(place.workspaces.home);
  await server.initialize();
  server.send({
    id: 1,
    method: "tools/call",
    params: {
      name: "workspace_exec",
      arguments: { ...napping(9.5), timeout_seconds: 60 },
      _meta: { progressToken: "p" },
    },
  });
  const begin = performance.now();
  const pings: number[] = [];
  const answered = server.answer(1);
  while (performance.now() - begin < 9000) {
    pings.push(await server.ping());
    await sleep(100);
  }
  await answered;
  pings.sort((a, b) => a - b);
  const p99 = pings[Math.floor(pings.length * 0.99)] ?? Number.NaN;
  assert.ok(p99 <= 500, `${p99} ms`);
  const told = server.messages.filter(({ method }) => method === "notifications/progress");
  const values = told.map(({ params }) => Number(params?.progress));
  assert.ok(values.length >= 2, `${values}`);
  assert.deepEqual(
    values,
    [...new Set(values)].sort((a, b) => a - b),
  );
  for (const { params } of told) {
    assert.equal(params?.progressToken, "p");
    assert.match(String(params?.message), /^Run in workspace/);
  }
  // Nothing more is said of a call that is over.
  await sleep(4500);
  const after = server.messages.filter(({ method }) => method === "notifications/progress");
  assert.equal(after.length, told.length);
});

test("64 calls at once are all answered", async () => {
  const results = await Promise.all(
    Array.from({ length: 64 }, (_, index) =>
      connection.call(
        index % 4 === 0 ? "workspace_status" : "workspace_exec",
        index % 4 === 0
          ? { workspace_id: id }
          : { workspace_id: id, command: `echo ${index}`, timeout_seconds: 120, wait_seconds: 50 },
      ),
    ),
  );
  results.forEach((result, index) => {
    assert.ok(!result.isError, textOf(result));
    if (index % 4 !== 0) assert.deepEqual(bulkOf(result).parts, [`${index}\n`]);
  });
});

test("the end of the input ends a command that waits for its answer, not one that was answered", async () => {
  await using server = new RawServer(place.workspaces.home);
  await server.initialize();
  server.call(1, "workspace_exec", { ...napping(320.5), timeout_seconds: 400, wait_seconds: 0 });
  await server.answer(1);
  server.call(2, "workspace_exec", { ...napping(63.5), timeout_seconds: 100, wait_seconds: 50 });
  await until("both run", async () => (await naps(320.5)) > 0 && (await naps(63.5)) > 0);
  server.process.child.stdin.end();
  assert.equal((await server.process.ended).code, 0);
  await until("the one that waited is gone", async () => (await naps(63.5)) === 0);
  assert.ok((await naps(320.5)) > 0);
});

test("servers that are killed at any moment leak nothing and lose no workspace", async () => {
  const kept = await connection.record("workspace_create", { environment, name: "kept" });
  await connection.bulk("workspace_exec", { workspace_id: "kept", command: "echo here > mark" });
  const moments = [0, 40, 120, 250, 400, 700];
  await Promise.all(
    moments.map(async (afterMs, index) => {
      await using server = new RawServer(place.workspaces.home, [], place.project);
      await server.initialize();
      server.call(1, "workspace_create", { environment, name: `killed-${index}` });
      server.call(2, "vm_run", { environment, command: "sleep 30", timeout_seconds: 40 });
      server.call(3, "workspace_exec", { workspace_id: "kept", command: "true" });
      await sleep(afterMs);
      if (index % 3 === 0) await killProcess(server.process.pid);
      else if (index % 3 === 1) server.process.signal("SIGTERM");
      else server.process.child.stdin.end();
      await server.process.ended;
      assert.deepEqual(server.strays, []);
    }),
  );
  await using next = await place.connect();
  const { workspaces } = await next.record("workspace_list");
  const names = (workspaces as { name: string; state: string }[]).map(({ name }) => name);
  assert.ok(names.includes("kept"), `${names}`);
  const mark = await next.bulk("workspace_file_read", {
    workspace_id: kept.workspace_id,
    path: "mark",
  });
  assert.deepEqual(mark.parts, ["here\n"]);
  // Those that were made completely are whole, and the others are gone.
  for (const name of names.filter((one) => one?.startsWith("killed-"))) {
    const read = { workspace_id: name, path: "hello.txt" };
    assert.deepEqual((await next.bulk("workspace_file_read", read)).parts, ["one\ntwo\nthree\n"]);
  }
  await until("no VM is left", async () => {
    const listed = await place.pyro.listWorkspaces();
    const started = listed.workspaces.filter(({ state }) => state === "started").length;
    return place.workspaces.monitors().length === started;
  });
  // Half-removed directories of killed processes go with the next sweep.
  await place.pyro.gcWorkspaces();
  await place.workspaces.assertAgree();
});
