import assert from "node:assert/strict";
import { test } from "node:test";
import { printDiff } from "../../src/cli/commands/workspace-diff.ts";
import { printLogs } from "../../src/cli/commands/workspace-logs.ts";
import { printWorkspaceSummary } from "../../src/cli/listings/workspace-summary.ts";
import { runCommandLine } from "../../src/cli/program.ts";
import type { ReplayOutputOptions, StreamDiffOptions } from "../../src/index.ts";
import { fakePyro } from "./support/fake-pyro.ts";
import { changed, diff, fullSummary, logged, nowMs, service, summary } from "./support/results.ts";
import { openTerminal, printed, pyroCommand } from "./support/terminal.ts";

const screen = { isTerminal: true };

test("a summary of much is one screen", () => {
  const shown = printed((io) => printWorkspaceSummary(io, fullSummary(), nowMs), screen);
  assert.equal(
    shown,
    `demo · ws-3f9a2b4c5d6e · debian:12 · started · began 2 h ago
files      17 changed, +233 -89
           M src/index.ts  +100 -20
           A README.md     +12
           and 15 more: pyro workspace diff demo --stat
warning    3 changed files may run code, 2 when opened:
           .vscode/tasks.json: editors run tasks when the folder opens
           .envrc: direnv runs it on entering the directory
commands   6 run, 4 failed; all: pyro workspace logs demo
           #3 ./tool                       killed by SEGV, 40 ms
           #4 nope                         not started
           #6 sh -c "echo 'done'; exit 0"  exit 0, 5 ms
events     5 min ago   wrote src/more-5.ts (12 B) (5 earlier: --json)
           4 min ago   wrote src/more-6.ts (12 B)
snapshots  baseline, before-fix
services   web (running) at http://127.0.0.1:8080 → 80, db (failed with 1)
ports      http://127.0.0.1:40123 → 9229
shells     sh-1a2b3c4d (wrote 2 min ago, 1 attached), sh-5e6f7a8b (ended with 0)
denied     home.example:443 (preset none) by sh in service:web, 3 times; 1 more
           pyro workspace network allow demo home.example:443
next       pyro workspace logs demo --sequence 4
           pyro workspace diff demo
           pyro workspace export demo --patch demo.patch
`,
  );
  for (const width of [60, 80, 200]) {
    const narrow = { isTerminal: true, width };
    const lines = printed((io) => printWorkspaceSummary(io, fullSummary(), nowMs), narrow);
    assert.ok(lines.trimEnd().split("\n").length <= 23, `${width}`);
    for (const line of lines.split("\n")) assert.ok(line.length <= width, `${width}: ${line}`);
  }
});

test("a summary offers no rule against what the project itself refuses", () => {
  const denied =
    fullSummary().deniedConnections.find(({ stillDenied }) => stillDenied) ?? assert.fail("none");
  const deniedConnections = [{ ...denied, rule: ".pyro.toml: deny home.example" }];
  const shown = printed((io) => printWorkspaceSummary(io, summary({ deniedConnections }), nowMs));
  assert.match(
    shown,
    /^denied {5}home\.example:443 \(\.pyro\.toml: deny home\.example\) .*\n {11}Change \.pyro\.toml in the project, and create another workspace\.$/m,
  );
  assert.doesNotMatch(shown, /network allow/);
});

test("a summary of little says so", () => {
  assert.equal(
    printed((io) => printWorkspaceSummary(io, summary({ commands: [] }), nowMs)),
    `demo · ws-3f9a2b4c5d6e · debian:12 · started · began 2 h ago
files      no changes
commands   none
next       pyro workspace exec demo -- COMMAND…
`,
  );
  const stopped = summary({
    name: null,
    state: "stopped",
    diff: null,
    diffUnavailable: "The workspace is stopped.",
  });
  assert.equal(
    printed((io) => printWorkspaceSummary(io, stopped, nowMs)),
    `ws-3f9a2b4c5d6e · debian:12 · stopped · began 2 h ago
files      unknown: The workspace is stopped.
commands   1 run, none failed
           #1 make test  exit 0, 3.2 s
next       pyro workspace start ws-3f9a2b4c5d6e
`,
  );
});

test("logs read like a terminal", () => {
  const commands = [
    logged(),
    logged({
      sequence: 2,
      command: ["sh", "-c", "echo 'a'; exit 3"],
      cwd: "/workspace/sub",
      exitCode: 3,
      stdout: "\u001b[31mred\u001b[0m\tx\r\nno end",
      stderr: "boom\n",
      stdoutDroppedBytes: 4_000_000,
    }),
    logged({ sequence: 3, exitCode: null, durationMs: null, endedAt: null, stdout: "" }),
    logged({ sequence: 4, exitCode: 124, timedOut: true, stdout: "" }),
    logged({ sequence: 5, exitCode: 127, notStarted: "No such command.", stdout: "" }),
    logged({ sequence: 6, exitCode: null, interrupted: "The host went down.", stdout: "" }),
    logged({ sequence: 7, exitCode: 137, outOfMemory: true, signal: "KILL", stdout: "" }),
    logged({ sequence: 8, exitCode: 139, signal: "SEGV", stdout: "" }),
  ];
  assert.equal(
    printed((io) => printLogs(io, { workspaceId: "x", commands }, nowMs)),
    `$ make test  exit 0, 3.2 s  (#1, 4 min ago)
  ok 1
  ok 2

$ sh -c "echo 'a'; exit 3"  exit 3, 3.2 s  (#2 in /workspace/sub, 4 min ago)
  \\x1b[31mred\\x1b[0m\tx
  no end
(3.8 MiB from the middle of stdout were not kept)
stderr:
  boom

$ make test  running  (#3, 4 min ago)

$ make test  timed out, 3.2 s  (#4, 4 min ago)

$ make test  not started  (#5, 4 min ago)
(No such command.)

$ make test  interrupted, 3.2 s  (#6, 4 min ago)
(The host went down.)

$ make test  out of memory, 3.2 s  (#7, 4 min ago)

$ make test  killed by SEGV, 3.2 s  (#8, 4 min ago)
`,
  );
});

test("logs tell apart what was written after a command's end", async () => {
  const late = "up\n\u001b[1mAFTER\n";
  const command = logged({ lateOutput: late, lateOutputBytes: 900, lateOutputDroppedBytes: 800 });
  const all = printed((io) => printLogs(io, { workspaceId: "ws-1", commands: [command] }, nowMs));
  const [, shown] = all.split("  ok 2\n");
  assert.match(shown ?? "", /^after its end:\n {2}up\n {2}\S*\[1mAFTER\n$/);
  assert.ok(!all.includes("\u001b"));
});

test("raw logs are the output as it was", async () => {
  const replayCommandOutput = async (_: string, { onStdout, onStderr }: ReplayOutputOptions) => {
    await onStdout(Buffer.from("\u001b[1mx"));
    await onStderr(Buffer.from("\u0007\n"));
    return logged({ stdoutDroppedBytes: 2048, lateOutputDroppedBytes: 1024 });
  };
  const { pyro } = fakePyro({ replayCommandOutput });
  const line = ["ws", "logs", "demo", "--sequence", "1", "--raw"];
  assert.deepEqual(await pyroCommand(line, { pyro }), {
    code: 0,
    stdout: "\u001b[1mx",
    stderr:
      "\u0007\nnote: 2.0 KiB from the middle of stdout were not kept\nnote: 1.0 KiB of what came after its end were not kept\n",
  });
});

test("a diff is a patch in a pipe, byte for byte", async () => {
  const patch = Buffer.from("--- a/x\n+++ b/x\n@@ -1 +1 @@\n-\xe9\u0007\n+\xff\r\n", "latin1");
  const streamWorkspaceDiff = async (_: string, { onData }: StreamDiffOptions) => {
    for (const at of [0, 9]) await onData(patch.subarray(at, at === 0 ? 9 : undefined));
    return { workspaceId: "x", fileCount: 1 };
  };
  const { pyro } = fakePyro({ streamWorkspaceDiff });
  const { io, readBytes } = openTerminal();
  assert.equal(await runCommandLine(["ws", "diff", "demo"], io, () => pyro), 0);
  assert.deepEqual(readBytes(), patch);
});

test("a diff is colourful on a terminal", () => {
  const hostile = diff({ diff: `${diff().diff}@@ -9 +9 @@\n-a\u001b[2J\n+b\r\n` });
  const plain = { stat: false, nameOnly: false };
  const shown = printed((io) => printDiff(io, hostile, plain), { isTerminal: true, color: true });
  const lines = [
    ["1", "diff --git a/a.txt b/a.txt"],
    ["1", "--- a/a.txt"],
    ["1", "+++ b/a.txt"],
    ["36", "@@ -1,2 +1,2 @@"],
    [undefined, " same"],
    ["31", "--- old"],
    ["32", "+new"],
    ["36", "@@ -9 +9 @@"],
    ["31", "-a\\x1b[2J"],
    ["32", "+b\\x0d"],
  ];
  const painted = lines.map(([code, line]) =>
    code === undefined ? line : `\u001b[${code}m${line}\u001b[0m`,
  );
  assert.equal(shown, `${painted.join("\n")}\n`);
});

test("a diff as numbers, as names, and of nothing", () => {
  const stat = { stat: true, nameOnly: false };
  assert.equal(
    printed((io) => printDiff(io, diff(), stat)),
    " a.txt | 2 +-\n 1 file changed, 1 insertion(+), 1 deletion(-)\n",
  );
  const names = { stat: false, nameOnly: true };
  assert.equal(
    printed((io) => printDiff(io, diff(), names)),
    "a.txt\n",
  );
  const { io, read } = openTerminal();
  printDiff(io, diff({ changes: [], diff: "" }), stat);
  assert.deepEqual(read(), { stdout: "", stderr: "Nothing changed.\n" });
});

test("a summary says why the changes are unknown, a service failed, and nobody knows the shells", () => {
  const page = summary({
    commands: [],
    diff: null,
    diffUnavailable: "There is too much for a diff: more than 5 entries. Most: node_modules (9).",
    services: [service({ name: "db", state: "failed", exitCode: 1 })],
    shells: null,
  });
  const shown = printed((io) => printWorkspaceSummary(io, page, nowMs));
  const files = [
    "unknown: There is too much for a diff: more than 5 entries.",
    "Most: node_modules (9).",
    "pyro workspace diff demo PATH…",
  ];
  assert.ok(shown.includes(`files      ${files.join("\n           ")}\n`), shown);
  assert.match(shown, /\nservices {3}db \(failed with 1\)\n/);
  assert.match(shown, /\nshells {5}unknown: its supervisor did not answer at once\n/);
  assert.match(shown, /\nnext {7}pyro workspace service logs demo db\n/);
});

test("changed modes are shown as numbers", () => {
  const change = changed({ kind: "mode_changed", newMode: "0755", insertions: 0, deletions: 0 });
  const page = summary({
    diff: { fileCount: 1, insertions: 0, deletions: 0, changes: [change], stat: "" },
  });
  const shown = printed((io) => printWorkspaceSummary(io, page, nowMs));
  assert.match(shown, /\n {11}M src\/index\.ts {2}0644 → 0755\n/);
});

test("a summary in colour says the same", () => {
  const inColor = { isTerminal: true, color: true };
  const page = printed((io) => printWorkspaceSummary(io, fullSummary(), nowMs), inColor);
  assert.match(page, /\u001b\[33mwarning\u001b\[0m/);
  assert.match(page, /\u001b\[31mkilled by SEGV\u001b\[0m, 40 ms/);
  const stripped = page.replaceAll(/\u001b\[\d+m/g, "");
  assert.equal(
    stripped,
    printed((io) => printWorkspaceSummary(io, fullSummary(), nowMs), screen),
  );
});
