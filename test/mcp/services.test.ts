import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:net";
import { after, before, test } from "node:test";
import { GuestPlace, type Json } from "./support/guest-place.ts";
import type { McpConnection } from "./support/mcp-connection.ts";

let place: GuestPlace;
let connection: McpConnection;
let at: { readonly workspace_id: string };

before(async () => {
  place = await GuestPlace.open();
  await place.workspaces.home.pull("debian:12");
  connection = await place.connect();
  const network_policy = "published-ports";
  const made = await connection.record("workspace_create", {
    environment: "debian:12",
    network_policy,
  });
  at = { workspace_id: String(made.workspace_id) };
});

after(async () => {
  await connection[Symbol.asyncDispose]();
  await place.assertNothingLeft();
  await place[Symbol.asyncDispose]();
});

const web = {
  command: "exec python3 -m http.server 8000",
  readiness: { http: "http://localhost:8000/" },
};

test("a server is started, waited for, asked from the host, read and stopped", async () => {
  const started = await connection.record("service_start", {
    ...at,
    name: "web",
    ...web,
    ready_interval_ms: 100,
    publish: [8000],
  });
  assert.equal(started.state, "running");
  assert.equal((started.readiness as Json).ready, true);
  const [port] = started.published_ports as readonly { guest_port: number; url: string }[];
  assert.ok(port !== undefined);
  assert.equal(port.guest_port, 8000);
  const page = await fetch(`${port.url}/hello.txt`);
  assert.equal(await page.text(), "one\ntwo\nthree\n");
  const { text } = await connection.bulk("service_logs", { ...at, name: "web", tail_lines: 5 });
  assert.match(
    text,
    /^web is running · [\s\S]*GET \/hello\.txt HTTP[\s\S]*\nNext: service_logs .*"cursor":\d+/,
  );
  const all = await connection.bulk("service_logs", { ...at, name: "web", all: true });
  assert.match(all.text, /GET \/ HTTP[\s\S]*GET \/hello\.txt HTTP/);
  const listed = await connection.record("service_list", at);
  assert.deepEqual(
    (listed.services as readonly Json[]).map(({ name, state }) => [name, state]),
    [["web", "running"]],
  );
  assert.equal((await connection.record("workspace_status", at)).running_service_count, 1);
  const stopped = await connection.record("service_stop", { ...at, name: "web" });
  assert.deepEqual([stopped.state, stopped.published_ports], ["stopped", []]);
  assert.equal(
    (await connection.record("service_status", { ...at, name: "web" })).state,
    "stopped",
  );
  await assert.rejects(fetch(port.url));
});

test("what goes wrong with services is told with what to do", async () => {
  const taken = createServer().listen(0, "127.0.0.1");
  await once(taken, "listening");
  const { port } = taken.address() as { port: number };
  const sleeper = { command: ["sleep", "600"] };
  await connection.record("service_start", { ...at, name: "there", ...sleeper });
  const policyless = { workspace_id: await place.create() };
  const failures: readonly (readonly [string, string, Json])[] = [
    ["service_not_found", "service_status", { ...at, name: "absent" }],
    ["service_exists", "service_start", { ...at, name: "there", ...sleeper }],
    [
      "service_failed",
      "service_start",
      { ...at, name: "a", command: "echo broken; exit 3", readiness: { tcp: "1" } },
    ],
    ["service_failed", "service_start", { ...at, name: "a", command: ["no-such-program"] }],
    [
      "service_not_ready",
      "service_start",
      { ...at, name: "a", ...sleeper, readiness: { log: "up" }, ready_timeout_seconds: 1 },
    ],
    [
      "port_unavailable",
      "service_start",
      { ...at, name: "a", ...sleeper, publish: [`${port}:80`] },
    ],
    [
      "network_policy_refused",
      "service_start",
      { ...policyless, name: "a", ...sleeper, publish: [80] },
    ],
    ["invalid_argument", "service_start", { ...at, name: "no spaces", ...sleeper }],
    ["invalid_argument", "service_start", { ...at, name: "a", ...sleeper, publish: ["x"] }],
    [
      "invalid_argument",
      "service_start",
      { ...at, name: "a", ...sleeper, readiness: { log: "a", file: "b" } },
    ],
    [
      "invalid_argument",
      "service_start",
      { ...at, name: "a", ...sleeper, readiness: { http: "http://example.org" } },
    ],
  ];
  for (const [code, tool, input] of failures) {
    const text = await connection.failure(tool, input);
    assert.equal(text.split(":")[0], code, text);
    assert.match(text, / Next: /);
  }
  taken.close();
});

test("a workspace runs so many services and no more", async () => {
  for (let number = 0; number < 63; number++)
    await connection.record("service_start", {
      ...at,
      name: `s${number}`,
      command: ["sleep", "600"],
    });
  const text = await connection.failure("service_start", {
    ...at,
    name: "more",
    command: ["sleep", "1"],
  });
  assert.match(text, /^service_limit_exceeded: .* Next: .*service_stop/);
});

test("services that ran go on when their workspace is started with them", async () => {
  await connection.record("workspace_stop", at);
  const started = await connection.record("workspace_start", { ...at, resume_services: true });
  assert.equal(started.running_service_count, 64);
  const { services } = await connection.record("workspace_summary", at);
  assert.ok(
    (services as readonly Json[]).some(
      ({ name, state }) => name === "there" && state === "running",
    ),
  );
});
