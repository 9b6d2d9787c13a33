import assert from "node:assert/strict";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { everyTool } from "./support/every-tool.ts";
import { environment, GuestPlace, type Json } from "./support/guest-place.ts";
import { eras, type McpConnection } from "./support/mcp-connection.ts";

let place: GuestPlace;
let connection: McpConnection;
const called = new Set<string>();

before(async () => {
  place = await GuestPlace.open();
  connection = await place.connect();
});

after(async () => {
  await connection[Symbol.asyncDispose]();
  await place.assertNothingLeft();
  await place[Symbol.asyncDispose]();
});

function record(name: string, input: Json = {}): Promise<Json> {
  called.add(name);
  return connection.record(name, input);
}

function bulk(name: string, input: Json = {}) {
  called.add(name);
  return connection.bulk(name, input);
}

test("one command in a VM that is gone afterwards", async () => {
  const done = await bulk("vm_run", { environment, command: "echo out; echo err >&2; exit 3" });
  assert.match(done.header, /^exit 3 · [\d.]+ m?s · 2 lines$/);
  assert.deepEqual(done.parts, ["out\nerr\n"]);
  assert.equal(done.facts.exit_code, 3);
  const exact = await bulk("vm_run", { environment, command: ["printf", "%s|", "a b", "$HOME"] });
  assert.deepEqual(exact.parts, ["a b|$HOME|\n"]);
  const absent = await bulk("vm_run", { environment, command: ["nope"] });
  assert.match(absent.header, /^exit 127 \(never started: ".*nope.*"\)/);
  const slow = await bulk("vm_run", { environment, command: "sleep 9", timeout_seconds: 1 });
  assert.match(slow.header, /^exit 124 \(timed out, killed\) · 1\.\d s · 0 lines$/);
  assert.deepEqual(slow.parts, []);
  const illegal = await bulk("vm_run", { environment, command: "kill -ILL $$" });
  const emulated = illegal.facts.isolation === "emulated";
  assert.match(
    illegal.header,
    emulated ? /^exit 132 \(An illegal .* x86-64-v2, without AVX;/ : /^exit 132 \(SIGILL\)/,
  );
});

test("a project that git cannot work on without something outside of it is named", async () => {
  const seedPath = join(place.project, "linked");
  mkdirSync(seedPath);
  writeFileSync(join(seedPath, ".git"), "gitdir: /elsewhere/.git/worktrees/linked\n");
  const made = await record("workspace_create", { environment, seed_path: seedPath });
  const again = { workspace_id: made.workspace_id, source: seedPath };
  const pushed = await record("workspace_sync_push", again);
  for (const warnings of [(made.workspace_seed as Json).warnings, pushed.warnings])
    assert.match(
      String(warnings),
      /^The checkout: its repository is in \/elsewhere\/\.git\/worktrees/,
    );
  await record("workspace_delete", { workspace_id: made.workspace_id });
  rmSync(seedPath, { recursive: true });
});

test("a workspace from the project: command, files, changes, review, export", async () => {
  const made = await record("workspace_create", { environment, name: "first", labels: { a: "b" } });
  assert.equal(made.seeded_from, `the project ${place.project}`);
  const seed = made.workspace_seed as Json;
  assert.deepEqual(seed.skipped, [{ path: "node_modules", reason: "ignored by .gitignore" }]);
  assert.match(String(made.next), /^workspace_exec \{/);
  const id = String(made.workspace_id);
  const workspace = { workspace_id: id };

  const ran = await bulk("workspace_exec", {
    workspace_id: "first",
    command: "pwd; cat hello.txt",
  });
  assert.match(ran.header, /^exit 0 · [\d.]+ m?s · 4 lines · sequence 1$/);
  assert.deepEqual(ran.parts, ["/workspace\none\ntwo\nthree\n"]);
  const around = { ...workspace, cwd: "sub", env: { GREETING: "hi" } };
  await record("workspace_file_write", { ...workspace, path: "sub/new.txt", text: "x\r\ny\n" });
  const placed = await bulk("workspace_exec", { ...around, command: 'echo "$GREETING"; pwd' });
  assert.deepEqual(placed.parts, ["hi\n/workspace/sub\n"]);

  const read = await bulk("workspace_file_read", { ...workspace, path: "sub/new.txt" });
  assert.match(
    read.header,
    /^lines 1-2 of 2 · 5 bytes · CRLF line ends · \/workspace\/sub\/new.txt$/,
  );
  assert.deepEqual(read.parts, ["x\ny\n"]);
  const window = { ...workspace, path: "hello.txt", start_line: 2, line_count: 1 };
  const middle = await bulk("workspace_file_read", window);
  assert.match(middle.header, /^lines 2-2 of 3 /);
  assert.deepEqual(middle.parts, ["two\n"]);
  assert.match(middle.text, /\nNext: workspace_file_read \{.*"start_line":3\}$/);

  const patch = "--- a/hello.txt\n+++ b/hello.txt\n@@ -1,3 +1,3 @@\n one\n-two\n+TWO\n three\n";
  const patched = await record("workspace_patch_apply", { ...workspace, patch });
  assert.deepEqual(patched.files, [
    { path: "hello.txt", kind: "modified", old_path: null, notes: [] },
  ]);
  const diff = await bulk("workspace_diff", workspace);
  assert.match(diff.header, /^2 files changed · \+3 -1 · \d+ lines$/);
  assert.match(diff.parts.join(""), /-two\n\+TWO\n/);
  const one = await bulk("workspace_diff", { ...workspace, paths: ["sub"], stat_only: true });
  assert.match(one.header, /^1 file changed · \+2 -0/);
  assert.doesNotMatch(one.parts.join(""), /@@/);

  const listed = await record("workspace_file_list", { ...workspace, recursive: true, limit: 2 });
  assert.equal((listed.entries as unknown[]).length, 2);
  assert.equal(listed.next_offset, 2);
  const rest = { ...workspace, recursive: true, offset: 2 };
  const more = await record("workspace_file_list", rest);
  assert.equal((more.entries as unknown[]).length, Number(listed.total_count) - 2);
  assert.equal(more.next_offset, null);

  const pushed = await record("workspace_sync_push", {
    ...workspace,
    source: "node_modules",
    dest: "pushed",
  });
  assert.equal(pushed.bytes, 1);
  const again = await record("workspace_sync_push", { ...workspace, include_ignored: true });
  assert.equal(again.skipped_count, 0);
  const looked = await bulk("workspace_exec", { ...workspace, command: "ls pushed node_modules" });
  assert.match(looked.parts.join(""), /^node_modules:\ndependency\n\npushed:\ndependency\n$/);

  const summary = await record("workspace_summary", workspace);
  assert.equal((summary.commands as unknown[]).length, 3);
  assert.equal(summary.command_count, 3);
  assert.match(String(summary.next), /^workspace_diff/);

  const outputPath = join(place.project, "out.txt");
  const exported = await record("workspace_export", {
    ...workspace,
    path: "sub/new.txt",
    output_path: "out.txt",
  });
  assert.equal(exported.output_path, outputPath);
  assert.equal(readFileSync(outputPath, "utf8"), "x\r\ny\n");
  await record("workspace_file_write", { ...workspace, path: "conf/.envrc", text: "x\n" });
  const conf = { ...workspace, path: "conf", output_path: "conf" };
  const safe = await record("workspace_export", conf);
  assert.deepEqual(safe.runs_when_opened, []);
  assert.match(JSON.stringify(safe.skipped), /"path":"\.envrc","reason":"it runs by itself: shell/);
  assert.match(String(safe.next), /^Tell the user what was left out/);
  assert.deepEqual(readdirSync(join(place.project, "conf")), []);
  for (const [path, output_path] of [
    ["conf/.envrc", "harmless.txt"],
    ["sub/new.txt", ".envrc"],
    ["sub/new.txt", "AGENTS.md"],
  ] as const) {
    const text = await connection.failure("workspace_export", { ...workspace, path, output_path });
    assert.match(text, /^export_refused: .* runs by itself on this host .*include_self_running/);
  }
  const risky = await record("workspace_export", {
    ...conf,
    output_path: "asked",
    include_self_running: true,
  });
  assert.equal(JSON.stringify(risky.runs_when_opened).match(/"by_itself"/g)?.length, 1);
  assert.match(String(risky.next), /^Tell the user which files run code/);

  const updated = await record("workspace_update", {
    ...workspace,
    name: "renamed",
    labels: { c: "d" },
    clear_labels: ["a"],
  });
  assert.deepEqual([updated.name, updated.labels], ["renamed", { c: "d" }]);
  assert.equal((await record("workspace_status", workspace)).name, "renamed");
  const all = await record("workspace_list");
  assert.equal(all.total_count, 1);

  const log = await bulk("workspace_logs", workspace);
  assert.match(log.header, /^3 commands since the last reset$/);
  assert.match(log.parts.join(""), /^#1 exit 0 · .* · 25 bytes · pwd; cat hello.txt\n/);

  const reset = await record("workspace_reset", workspace);
  assert.deepEqual([reset.reset_count, reset.command_count], [1, 0]);
  const clean = await bulk("workspace_diff", workspace);
  assert.equal(clean.text, "0 files changed · +0 -0 · 0 lines");
  assert.equal((await record("workspace_delete", workspace)).deleted, true);
  assert.equal((await record("workspace_delete", workspace)).deleted, false);
});

test("a workspace that starts empty, or from an archive; snapshots; stop and start", async () => {
  const made = await record("workspace_create", { environment, seed: "empty", name: "second" });
  assert.equal(made.seeded_from, "nothing");
  const workspace = { workspace_id: "second" };
  await record("workspace_file_write", { ...workspace, path: "a", text: "kept" });
  const kept = await record("snapshot_create", { ...workspace, name: "kept" });
  assert.match(String(kept.next), /workspace_reset \{.*"snapshot":"kept"\}/);
  await record("workspace_file_write", { ...workspace, path: "a", text: "lost" });
  const { snapshots } = await record("snapshot_list", workspace);
  assert.deepEqual(
    (snapshots as Json[]).map(({ name }) => name),
    ["baseline", "kept"],
  );
  await record("workspace_reset", { ...workspace, snapshot: "kept" });
  const back = await bulk("workspace_file_read", { ...workspace, path: "a" });
  assert.deepEqual(back.parts, ["kept\n"]);
  assert.equal((await record("snapshot_delete", { ...workspace, name: "kept" })).deleted, true);
  assert.equal((await record("workspace_stop", workspace)).state, "stopped");
  assert.equal((await record("workspace_start", workspace)).state, "started");
  assert.deepEqual((await bulk("workspace_file_read", { ...workspace, path: "a" })).parts, [
    "kept\n",
  ]);
  await record("workspace_delete", workspace);
});

test("a VM step by step", async () => {
  const { environments } = await record("vm_list_environments");
  assert.ok((environments as Json[]).some(({ environment: name }) => name === environment));
  const made = await record("vm_create", { environment, ttl_seconds: 300 });
  const vm = { vm_id: made.vm_id };
  assert.equal(made.state, "created");
  assert.equal((await record("vm_start", vm)).state, "started");
  assert.equal((await record("vm_status", vm)).state, "started");
  assert.deepEqual((await record("vm_network_info", vm)).interfaces, []);
  assert.equal((await record("vm_stop", vm)).state, "stopped");
  await record("vm_start", vm);
  const ran = await bulk("vm_exec", { ...vm, command: "echo once" });
  assert.deepEqual([ran.parts, ran.facts.vm_id], [["once\n"], made.vm_id]);
  assert.match(await connection.failure("vm_status", vm), /^vm_not_found: /);
  const second = await record("vm_create", { environment });
  assert.equal((await record("vm_delete", { vm_id: second.vm_id })).deleted, true);
  assert.deepEqual((await record("vm_reap_expired")).reaped_vm_ids, []);
});

test("a program that stays: started, looked at, read and stopped", async () => {
  await record("workspace_create", { environment, seed: "empty", name: "staying" });
  const service = { workspace_id: "staying", name: "stays" };
  const command = "echo up; exec sleep 600";
  const started = await record("service_start", { ...service, command, readiness: { log: "up" } });
  assert.equal(started.state, "running");
  assert.equal(
    ((await record("service_list", { workspace_id: "staying" })).services as Json[]).length,
    1,
  );
  assert.equal((await record("service_status", service)).state, "running");
  assert.match(
    (await bulk("service_logs", service)).text,
    /^stays is running · 1 line\n[\s\S]*\nup\n/,
  );
  assert.equal((await record("service_stop", service)).state, "stopped");
  await record("workspace_delete", { workspace_id: "staying" });
});

test("a program on a terminal: opened, typed into, read, interrupted and closed", async () => {
  await record("workspace_create", { environment, seed: "empty", name: "typed" });
  const at = { workspace_id: "typed" };
  const command = "read line; echo got $line; exec sleep 600";
  const shell = { ...at, shell_id: (await record("shell_open", { ...at, command })).shell_id };
  await record("shell_write", { ...shell, input: "a line" });
  assert.match((await bulk("shell_read", { ...shell, wait_for: "got" })).text, /got a line/);
  assert.equal((await record("shell_signal", shell)).signal, "INT");
  await record("shell_close", shell);
  await record("workspace_delete", at);
});

test("the disk of a stopped workspace: listed, read and exported", async () => {
  const at = { workspace_id: "looked-at" };
  await record("workspace_create", { environment, seed: "empty", name: "looked-at" });
  await record("workspace_stop", at);
  const { entries, total_count } = await record("workspace_disk_list", {
    ...at,
    path: "/etc",
    limit: 2,
  });
  assert.equal((entries as Json[]).length, 2);
  assert.ok(Number(total_count) > 10);
  const { text } = await bulk("workspace_disk_read", { ...at, path: "/etc/os-release" });
  assert.match(text, /^lines 1-\d+ of \d+ [\s\S]*Debian/);
  const exported = await record("workspace_disk_export", { ...at, output_path: "looked-at.ext4" });
  assert.ok(Number(exported.stored_bytes) > 0);
  // Whoever brings the project along next would read all of its 32 GiB.
  rmSync(join(place.project, "looked-at.ext4"));
  await record("workspace_delete", at);
});

test("every tool was called", async () => {
  assert.deepEqual([...(await connection.tools()).keys()].sort(), [...called].sort());
});

for (const era of eras)
  test(`every tool, in every revision of the protocol (${era})`, async () => {
    await using other = await place.connect([], { era });
    const tools = await other.tools();
    const calledHere = new Set<string>();
    const story = everyTool(`story-${era}`);
    for (let at = story.next(""); !at.done; ) {
      const { tool, input, says } = at.value;
      const text =
        tools.get(tool)?.outputSchema === undefined
          ? (await other.bulk(tool, input)).text
          : JSON.stringify(await other.record(tool, input));
      assert.match(text, says, tool);
      calledHere.add(tool);
      // The same as above.
      if (tool === "workspace_disk_export") rmSync(join(place.project, String(input.output_path)));
      at = story.next(text);
    }
    assert.deepEqual([...tools.keys()].sort(), [...calledHere].sort());
  });

test("long output keeps its beginning and end, and the rest can be read to the byte", async () => {
  const id = await place.create();
  const workspace = { workspace_id: id };
  const long = await bulk("workspace_exec", { ...workspace, command: "seq 1 20000; echo é" });
  assert.match(long.header, /· 20,001 lines \(showing \d+\+\d+\) · sequence 1$/);
  assert.ok(long.text.length <= 8600, `${long.text.length}`);
  const [head = "", tail = ""] = long.parts;
  assert.ok(head.startsWith("1\n2\n") && tail.endsWith("20000\né\n"));
  assert.ok(Math.abs(head.length / (head.length + tail.length) - 0.4) < 0.02);
  const [, sequence, offset] =
    /read on with workspace_logs \{.*"sequence":(\d+),"offset":(\d+)\}\]/.exec(long.text) ?? [];
  assert.equal(sequence, "1");
  let text = head;
  for (let at = Number(offset); ; ) {
    const part = await bulk("workspace_logs", {
      ...workspace,
      sequence: 1,
      offset: at,
      max_output_chars: 40_000,
    });
    assert.ok(part.text.length <= 40_500);
    text += part.parts.join("");
    const next = Number(part.facts.next_offset);
    if (next === part.facts.output_bytes) break;
    assert.match(part.text, new RegExp(`\\nNext: workspace_logs \\{.*"offset":${next}\\}$`));
    assert.ok(next > at);
    at = next;
  }
  const expected = Array.from({ length: 20_000 }, (_, index) => `${index + 1}\n`).join("");
  assert.equal(text, `${expected}é\n`);
  const seen = await bulk("workspace_logs", { ...workspace, sequence: 1 });
  assert.deepEqual(seen.parts, long.parts);
  const whole = { ...workspace, command: "seq 1 2000", max_output_chars: 20_000 };
  assert.doesNotMatch((await bulk("workspace_exec", whole)).header, /showing/);
  await place.pyro.deleteWorkspace(id);
});

test("exports overwrite nothing and a binary file is only named", async () => {
  const id = await place.create();
  const workspace = { workspace_id: id };
  await bulk("workspace_exec", { ...workspace, command: "head -c 3000 /dev/zero > zeros" });
  const zeros = await bulk("workspace_file_read", { ...workspace, path: "zeros" });
  assert.match(zeros.text, /^binary file · 3,000 bytes · \/workspace\/zeros\nNext: /);
  const target = { ...workspace, path: "zeros", output_path: "hello.txt" };
  assert.match(await connection.failure("workspace_export", target), /^export_target_exists: /);
  assert.equal(readFileSync(join(place.project, "hello.txt"), "utf8"), "one\ntwo\nthree\n");
  assert.ok(!existsSync(join(place.project, "zeros")));
  await place.pyro.deleteWorkspace(id);
});
