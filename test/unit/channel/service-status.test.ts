import assert from "node:assert/strict";
import { test } from "node:test";
import { parseService, parseServiceList } from "../../../src/channel/service-status.ts";

const told = { name: "web", state: "running", run: 1, change: 2, restart_count: 0 };

test("what an agent says of a service is read, its words made harmless", () => {
  const service = parseService({
    ...told,
    exit_code: 3,
    message: "\u001b[2Jbroken",
    last_probe: "a\nb",
    started_at_ms: 5,
  });
  assert.equal(service.message, "\\x1b[2Jbroken");
  assert.deepEqual(
    [service.lastProbe, service.exitCode, service.startedAtMs, service.signal],
    ["a\\nb", 3, 5, null],
  );
});

for (const [what, change] of [
  ["a name that is a path", { name: "../x" }],
  ["no name", { name: undefined }],
  ["a state that is none", { state: "toString" }],
  ["an exit code that is none", { exit_code: 256 }],
  ["an exit code that is text", { exit_code: "0" }],
  ["a signal that is none", { signal: "kill me\n" }],
  ["a reason that is none", { not_started: "__proto__" }],
  ["a time that is none", { started_at_ms: -1 }],
  ["a time beyond all dates", { ended_at_ms: Number.MAX_SAFE_INTEGER }],
  ["a count that is none", { restart_count: 1.5 }],
] as const)
  test(`${what} is refused`, () => {
    assert.throws(() => parseService({ ...told, ...change }), { code: "guest_protocol_error" });
  });

test("lists are lists of services, and not without bound", () => {
  assert.deepEqual(parseServiceList({ services: [] }), []);
  assert.equal(parseServiceList({ services: [told] })[0]?.name, "web");
  for (const services of [undefined, {}, [1], Array(1000).fill(told)])
    assert.throws(() => parseServiceList({ services }), { code: "guest_protocol_error" });
});
