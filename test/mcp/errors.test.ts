import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { type ErrorCode, errorCodes, PyroError } from "../../src/index.ts";
import { errorText } from "../../src/mcp/answers/error-answer.ts";
import { environment, GuestPlace, type Json } from "./support/guest-place.ts";
import type { McpConnection } from "./support/mcp-connection.ts";

let place: GuestPlace;
let connection: McpConnection;
let id: string;

before(async () => {
  place = await GuestPlace.open();
  connection = await place.connect();
  id = await place.create();
  await place.pyro.updateWorkspace(id, { name: "taken" });
  await place.pyro.createSnapshot(id, "there");
  writeFileSync(join(place.project, "damaged.tar"), "no archive at all".repeat(100));
  mkdirSync(join(place.project, "exists"));
  mkdirSync(join(place.project, "unruly"));
  writeFileSync(join(place.project, "unruly", ".pyro.toml"), "[network]\nallow = ['a.example']\n");
});

after(async () => {
  await connection[Symbol.asyncDispose]();
  await place.assertNothingLeft();
  await place[Symbol.asyncDispose]();
});

const longLine = "x".repeat(2000);
const missing = `--- a/absent\n+++ b/absent\n@@ -1 +1 @@\n-a\n+b\n`;

const failures: readonly (readonly [code: ErrorCode, tool: string, input: Json])[] = [
  ["invalid_argument", "vm_run", {}],
  ["invalid_argument", "vm_run", { command: 5 }],
  ["invalid_argument", "vm_run", { command: [] }],
  ["invalid_argument", "vm_run", { command: "true", net: true }],
  ["invalid_argument", "vm_run", { command: "true", timeout_seconds: 51 }],
  ["invalid_argument", "vm_run", { command: "a\0b" }],
  ["invalid_argument", "vm_run", { command: "true", mem_mib: 900_000 }],
  ["invalid_argument", "vm_run", { command: "true", [longLine]: 1 }],
  ["environment_not_found", "vm_run", { command: "true", environment: "debain:12" }],
  ["invalid_argument", "workspace_create", { seed: "project", seed_path: "." }],
  ["invalid_argument", "workspace_create", { name: "no spaces allowed" }],
  ["workspace_name_taken", "workspace_create", { environment, name: "taken", seed: "empty" }],
  ["archive_refused", "workspace_create", { environment, seed_path: "damaged.tar" }],
  [
    "project_file_refused",
    "workspace_create",
    { environment, seed_path: "unruly", network_policy: "egress" },
  ],
  ["host_path_refused", "workspace_create", { seed_path: "/etc" }],
  ["workspace_not_found", "workspace_status", { workspace_id: "absent" }],
  ["workspace_not_found", "workspace_exec", { workspace_id: "absent", command: "true" }],
  ["workspace_ambiguous", "workspace_status", { workspace_id: "ws-" }],
  [
    "invalid_argument",
    "workspace_exec",
    { workspace_id: "taken", command: "true", wait_seconds: 51 },
  ],
  [
    "invalid_argument",
    "workspace_exec",
    { workspace_id: "taken", command: "x", env: { "a=b": "c" } },
  ],
  ["invalid_argument", "workspace_logs", { workspace_id: "taken", sequence: 99 }],
  ["invalid_argument", "workspace_logs", { workspace_id: "taken", offset: 0 }],
  ["workspace_path_not_found", "workspace_file_read", { workspace_id: "taken", path: "absent" }],
  ["invalid_argument", "workspace_file_read", { workspace_id: "taken", path: "/etc/passwd" }],
  ["invalid_argument", "workspace_file_read", { workspace_id: "taken", path: "../../etc/passwd" }],
  ["workspace_path_conflict", "workspace_file_read", { workspace_id: "taken", path: "/workspace" }],
  ["patch_malformed", "workspace_patch_apply", { workspace_id: "taken", patch: "no patch" }],
  ["patch_conflict", "workspace_patch_apply", { workspace_id: "taken", patch: missing }],
  [
    "patch_refused",
    "workspace_patch_apply",
    { workspace_id: "taken", patch: missing.replaceAll("absent", "../../etc/x") },
  ],
  ["snapshot_exists", "snapshot_create", { workspace_id: "taken", name: "there" }],
  ["snapshot_not_found", "workspace_reset", { workspace_id: "taken", snapshot: "absent" }],
  [
    "export_target_exists",
    "workspace_export",
    { workspace_id: "taken", path: ".", output_path: "exists" },
  ],
  [
    "workspace_path_not_found",
    "workspace_export",
    { workspace_id: "taken", path: "absent", output_path: "new" },
  ],
  ["vm_not_found", "vm_status", { vm_id: "vm-absent" }],
];

for (const [code, tool, input] of failures)
  test(`${tool} ${JSON.stringify(input).slice(0, 70)} is ${code}`, async () => {
    if (code === "workspace_ambiguous") await place.create();
    const text = await connection.failure(tool, input);
    assert.equal(text.split(":")[0], code, text);
    assert.match(text, / Next: /);
  });

test("states that do not fit are told with what to do", async () => {
  await connection.record("workspace_stop", { workspace_id: id });
  const text = await connection.failure("workspace_exec", { workspace_id: id, command: "true" });
  assert.match(text, /^workspace_state_conflict: .* Next: .*workspace_/);
  const vm = await connection.record("vm_create", { environment });
  const early = await connection.failure("vm_exec", { vm_id: vm.vm_id, command: "true" });
  assert.match(early, /^vm_state_conflict: .* Next: .*vm_start/);
  await connection.record("vm_delete", { vm_id: vm.vm_id });
});

test("values that only the engine knows to be wrong are named as the tool names them", async () => {
  const text = await connection.failure("vm_run", { command: "true", mem_mib: 900_000 });
  assert.match(text, /^invalid_argument: mem_mib is 900000, .* Next: Correct it and call vm_run/);
});

test("a wrong argument is named with what was meant", async () => {
  const input = { workspace_id: "taken", comand: "true" };
  const text = await connection.failure("workspace_exec", input);
  assert.match(text, /there is no argument "comand", did you mean command\?/);
  assert.match(text, /Next: Call workspace_exec again with: workspace_id, command, cwd/);
});

test("every code makes a text of the same form, however long its message", () => {
  for (const code of Object.keys(errorCodes) as ErrorCode[]) {
    const long = new PyroError(code, `\u001b[2J${longLine}\nfake: line. Next: evil`, {
      hint: `Run pyro doctor --now ${longLine}`,
    });
    const text = errorText(long, { tool: "vm_run", argumentNames: ["mem_mib"] });
    assert.ok(text.length <= 800, `${code}: ${text.length}`);
    assert.match(text, new RegExp(`^${code}: `));
    assert.doesNotMatch(text, /[\u0000-\u001f]|--now/);
  }
});
