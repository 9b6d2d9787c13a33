import assert from "node:assert/strict";
import { baseEnvironment as environment } from "../../support/home.ts";
import type { Json } from "./mcp-connection.ts";

/** One call, and what its text must say. */
export interface Step {
  readonly tool: string;
  readonly input: Json;
  readonly says: RegExp;
}

/** Calls that use every tool once or more, in a server started in the project of a GuestPlace. It is told the text of each answer. */
export function* everyTool(name: string): Generator<Step, void, string> {
  yield step("vm_run", { environment, command: "echo one-off" }, /^exit 0 [\s\S]*one-off/);
  yield* workspaceTools(name);
  yield step("vm_list_environments", {}, new RegExp(`"${environment}"`));
  yield* vmTools();
}

function* shellTools(at: Json): Generator<Step, void, string> {
  const command = "read line; echo got $line; exec sleep 600";
  const opened = yield step("shell_open", { ...at, command }, /"shell_id":"sh-/);
  const shell = { ...at, shell_id: (JSON.parse(opened) as Json).shell_id };
  yield step("shell_write", { ...shell, input: "a line" }, /"shell_id":"sh-/);
  yield step("shell_read", { ...shell, wait_for: "got" }, /^running [\s\S]*\ngot a line\n/);
  yield step("shell_signal", shell, /"signal":"INT"/);
  yield step("shell_close", shell, /"shell_id":"sh-/);
}

function* workspaceTools(name: string): Generator<Step, void, string> {
  const at = { workspace_id: name };
  yield step("workspace_create", { environment, name }, /"state":"started"/);
  yield step("workspace_list", {}, new RegExp(`"name":"${name}"`));
  yield step("workspace_update", { ...at, labels: { for: "all" } }, /"for":"all"/);
  yield step("workspace_status", at, /"state":"started"/);
  yield step("workspace_exec", { ...at, command: "cat hello.txt" }, /^exit 0 [\s\S]*\ntwo\n/);
  yield step("workspace_logs", { ...at, sequence: 1 }, /^exit 0 [\s\S]*\ntwo\n/);
  yield step("workspace_file_write", { ...at, path: "new.txt", text: "new\n" }, /new\.txt/);
  yield step("workspace_file_read", { ...at, path: "new.txt" }, /\nnew\n/);
  yield step("workspace_file_list", at, /"\/workspace\/new\.txt"/);
  const patch = "--- a/hello.txt\n+++ b/hello.txt\n@@ -1,3 +1,3 @@\n one\n-two\n+TWO\n three\n";
  yield step("workspace_patch_apply", { ...at, patch }, /"kind":"modified"/);
  yield step("workspace_diff", at, /^2 files changed [\s\S]*\n\+TWO\n/);
  yield step("workspace_sync_push", { ...at, source: "node_modules", dest: "pushed" }, /"bytes":1/);
  yield step("snapshot_create", { ...at, name: "kept" }, /"kept"/);
  yield step("snapshot_list", at, /"baseline"[\s\S]*"kept"/);
  yield step("workspace_summary", at, /"command_count":1/);
  const output_path = `${name}.txt`;
  yield step("workspace_export", { ...at, path: "hello.txt", output_path }, /"output_path":/);
  yield step("workspace_reset", { ...at, snapshot: "kept" }, /"reset_count":1/);
  yield step("snapshot_delete", { ...at, name: "kept" }, /"deleted":true/);
  yield* shellTools(at);
  const service = { ...at, name: "stays" };
  const command = "echo up; exec sleep 600";
  yield step(
    "service_start",
    { ...service, command, readiness: { log: "up" } },
    /"state":"running"/,
  );
  yield step("service_list", at, /"name":"stays"/);
  yield step("service_status", service, /"ready":true/);
  yield step("service_logs", service, /^stays is running [\s\S]*\nup\n/);
  yield step("service_stop", service, /"state":"stopped"/);
  yield step("workspace_stop", at, /"state":"stopped"/);
  yield step("workspace_disk_list", { ...at, path: "/etc" }, /"\/etc\/os-release"/);
  yield step(
    "workspace_disk_read",
    { ...at, path: "/etc/hostname" },
    /^lines 1-1 of 1 [\s\S]*\nws-/,
  );
  const image = `${name}.ext4`;
  yield step("workspace_disk_export", { ...at, output_path: image }, /"stored_bytes":/);
  yield step("workspace_start", at, /"state":"started"/);
  yield step("workspace_delete", at, /"deleted":true/);
}

function* vmTools(): Generator<Step, void, string> {
  const once = idOf(yield step("vm_create", { environment }, /"state":"created"/));
  yield step("vm_start", once, /"state":"started"/);
  yield step("vm_status", once, /"state":"started"/);
  yield step("vm_network_info", once, /"interfaces":\[\]/);
  yield step("vm_exec", { ...once, command: "echo only" }, /^exit 0 [\s\S]*\nonly\n/);
  const stopped = idOf(yield step("vm_create", { environment }, /"state":"created"/));
  yield step("vm_start", stopped, /"state":"started"/);
  yield step("vm_stop", stopped, /"state":"stopped"/);
  yield step("vm_delete", stopped, /"deleted":true/);
  yield step("vm_reap_expired", {}, /"reaped_vm_ids":\[\]/);
}

function step(tool: string, input: Json, says: RegExp): Step {
  return { tool, input, says };
}

function idOf(text: string): { vm_id: string } {
  const { vm_id } = JSON.parse(text);
  assert.match(vm_id, /^vm-/);
  return { vm_id };
}
