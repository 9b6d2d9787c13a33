import assert from "node:assert/strict";
import { test } from "node:test";
import { printDiff } from "../../src/cli/commands/workspace-diff.ts";
import { printExport, printPatchExport } from "../../src/cli/commands/workspace-export.ts";
import { printFileContent } from "../../src/cli/commands/workspace-file-read.ts";
import { printGc } from "../../src/cli/commands/workspace-gc.ts";
import { printWorkspaceList } from "../../src/cli/commands/workspace-list.ts";
import { printLogs } from "../../src/cli/commands/workspace-logs.ts";
import { printPatched } from "../../src/cli/commands/workspace-patch-apply.ts";
import { printShells } from "../../src/cli/commands/workspace-shell-list.ts";
import { printSnapshotCreated } from "../../src/cli/commands/workspace-snapshot-create.ts";
import { printSnapshots } from "../../src/cli/commands/workspace-snapshot-list.ts";
import { printSync } from "../../src/cli/commands/workspace-sync-push.ts";
import type { IO } from "../../src/cli/io.ts";
import { printFileList } from "../../src/cli/listings/file-list.ts";
import {
  connectionLine,
  printConnections,
  printNetwork,
} from "../../src/cli/listings/network-lines.ts";
import {
  printService,
  printServiceOutcome,
  printServices,
} from "../../src/cli/listings/service-lines.ts";
import { printWorkspace } from "../../src/cli/listings/workspace-block.ts";
import { printWorkspaceSummary } from "../../src/cli/listings/workspace-summary.ts";
import { explainDenied, wayOutOf } from "../../src/cli/network-arguments.ts";
import { printError, printLine } from "../../src/cli/printer.ts";
import { showProgress } from "../../src/cli/progress-bar.ts";
import { type LoggedCommand, PyroError } from "../../src/index.ts";
import { fakePyro } from "./support/fake-pyro.ts";
import { hostileTexts, rawControl } from "./support/hostile-text.ts";
import * as fixed from "./support/results.ts";
import { printed, pyroCommand } from "./support/terminal.ts";

const { nowMs } = fixed;
type Print = (io: IO) => void;

/** Every human listing, with `text` in every place that somebody else fills. */
function listings(text: string): Readonly<Record<string, Print>> {
  const workspaceId = text;
  const listed = { workspaceId, name: text, environment: text, labels: { [text]: text } };
  const why = { path: text, why: text, runs: "by_itself" as const, isChanged: true };
  const leftOut = {
    skipped: [{ path: text, reason: text }],
    changedWhileRead: [text],
    warnings: [text],
  };
  const change = fixed.changed({ path: text, oldPath: text, kind: "renamed" });
  const snapshot = { name: text, createdAt: fixed.at(-60), storedBytes: 1 };
  const command: Partial<LoggedCommand> = { command: [text, text], cwd: text, signal: text };
  const ends = [command, { ...command, notStarted: text }, { ...command, interrupted: text }];
  const logged = ends.map((end) => fixed.logged({ ...end, stdout: "", stderr: "" }));
  const workspace = fixed.workspace({
    ...listed,
    failure: text,
    state: "failed",
    driver: text,
    secrets: [{ name: text, sourceKind: "value", credential: null }],
    workspaceSeed: { ...fixed.workspace().workspaceSeed, seedPath: text },
  });
  const exported = fixed.exported({
    ...leftOut,
    path: text,
    outputPath: text,
    leavingLinks: [text],
    runsWhenOpened: [why],
  });
  const summary = fixed.summary({
    ...listed,
    commands: logged,
    events: [{ at: fixed.at(-60), kind: text, text }],
    snapshots: [snapshot],
    services: [fixed.service({ name: text, reason: text, command: [text] })],
    diff: { ...fixed.diff(), changes: [change] },
    runsWhenOpened: [why],
  });
  const file = fixed.file({ path: text, linkTarget: text, type: "symlink" });
  const diff = fixed.diff({ changes: [change] });
  const patched = { path: text, oldPath: text, kind: "renamed" as const, notes: [text] };
  const copied = { entryCount: 1, bytes: 1, skippedCount: 1, ...leftOut };
  const service = fixed.service({
    ...{ name: text, reason: text, command: [text, text], cwd: text, signal: text },
    readiness: { kind: "http", target: text, ready: false, lastProbe: text },
  });
  const shell = fixed.shell({ shellId: text, state: "ended", signal: text });
  const network = {
    ...({ workspaceId, networkPolicy: "egress", preset: "none" } as const),
    ...{ rules: [text], temporaryRules: [{ rule: text, until: fixed.at(60) }] },
    ...{ ownRegistries: [text], proxies: [text], warnings: [text] },
    projectFile: { only: [text], deny: [text] },
  };
  const connection = fixed.connection({
    ...{ source: text, program: text, host: text, rule: text, reason: text, failure: text },
  });
  return {
    list: (io) => printWorkspaceList(io, { workspaces: [fixed.listed(listed)] }, nowMs),
    status: (io) => printWorkspace(io, workspace, { detail: "full", nowMs }),
    logs: (io) => printLogs(io, { workspaceId, commands: logged }, nowMs),
    summary: (io) => printWorkspaceSummary(io, summary, nowMs),
    "summary without a diff": (io) =>
      printWorkspaceSummary(io, { ...summary, diff: null, diffUnavailable: text }, nowMs),
    names: (io) => printDiff(io, diff, { stat: false, nameOnly: true }),
    export: (io) => printExport(io, exported),
    "patch export": (io) =>
      printPatchExport(io, { ...exported, ...fixed.diff(), omitted: leftOut.skipped }),
    sync: (io) => printSync(io, { ...copied, workspaceId, source: text, dest: text }),
    files: (io) => printFileList(io, { workspaceId, path: "/workspace", entries: [file] }),
    patch: (io) => printPatched(io, { workspaceId, files: [patched] }),
    services: (io) => printServices(io, [service], nowMs),
    service: (io) => printService(io, service, nowMs),
    "what became of a service": (io) => printServiceOutcome(io, { ...service, state: "failed" }),
    shells: (io) => printShells(io, { workspaceId, shells: [shell] }, nowMs),
    network: (io) => printNetwork(io, network),
    connections: (io) => printConnections(io, [connection]),
    "connection as it happens": (io) => printLine(io, connectionLine(connection)),
    denied: (io) => explainDenied(io, [{ ...connection, count: 2 }], wayOutOf("demo")),
    snapshots: (io) => printSnapshots(io, { workspaceId, snapshots: [snapshot] }, nowMs),
    snapshot: (io) => printSnapshotCreated(io, { workspaceId, snapshot }, text),
    gc: (io) =>
      printGc(io, { deletedWorkspaceIds: [text], sweptDirectories: 0 }, { dryRun: false }),
    progress: (io) => {
      using progress = showProgress({ ...io, stderrIsTerminal: false }, text);
      progress.report({ step: text });
    },
  };
}

/** Listings of text that has several lines by nature: line feeds and tabs stay. */
function multiLineListings(text: string): Readonly<Record<string, Print>> {
  const logged = fixed.logged({ stdout: text, stderr: text });
  const diff = fixed.diff({
    stat: text,
    diff: `--- a/x\n+++ b/x\n@@ -1 +1 @@\n-${text}\n+${text}\n`,
  });
  const content = { workspaceId: "x", path: "x", size: 1, text, base64: null, truncated: false };
  return {
    output: (io) => printLogs(io, { workspaceId: "x", commands: [logged] }, nowMs),
    diff: (io) => printDiff(io, diff, { stat: false, nameOnly: false }),
    stat: (io) => printDiff(io, diff, { stat: true, nameOnly: false }),
    file: (io) => printFileContent(io, content, 1),
    error: (io) => printError(io, new PyroError("internal", text, { hint: text }), { json: false }),
  };
}

const terminals = [
  { isTerminal: true, width: 80 },
  { isTerminal: true, width: 30 },
  { isTerminal: false, width: 80 },
];

test("none of 60 hostile texts reaches a listing as it is, or makes a line of its own", () => {
  assert.ok(hostileTexts.length >= 60);
  for (const terminal of terminals) {
    const plain = listings("harmless");
    for (const text of hostileTexts)
      for (const [name, print] of Object.entries(listings(text))) {
        const shown = printed(print, terminal);
        assert.doesNotMatch(shown, rawControl, `${name}: ${JSON.stringify(text)}`);
        const lines = shown.split("\n").length;
        const expected = printed(plain[name] ?? assert.fail(), terminal).split("\n").length;
        assert.equal(lines, expected, `${name}: ${JSON.stringify(text)}`);
      }
  }
});

test("text of several lines keeps nothing but its line feeds", () => {
  for (const text of hostileTexts)
    for (const [name, print] of Object.entries(multiLineListings(text))) {
      const shown = printed(print, { isTerminal: true });
      assert.doesNotMatch(shown, rawControl, `${name}: ${JSON.stringify(text)}`);
    }
});

test("with colour, the only sequences are our own", () => {
  const ours = /\u001b\[(?:0|1|2|31|32|33|36)m/g;
  for (const text of hostileTexts)
    for (const print of Object.values({ ...listings(text), ...multiLineListings(text) })) {
      const shown = printed(print, { isTerminal: true, color: true });
      // What a guest wrote begins nowhere with an escape, so that every one left is from paint.
      assert.doesNotMatch(shown.replace(ours, ""), rawControl, JSON.stringify(text));
      assert.equal(shown.split(/\u001b\[0m/).length, shown.split(/\u001b\[[1-9]\d*m/).length);
    }
});

test("output cannot pass for a line of the log, nor a message for a message of its own", () => {
  const forged = "x\n$ rm -rf /  exit 0, 1 ms  (#9, 1 s ago)\nstderr:\nerror: forged\nhint: forged";
  const command = fixed.logged({ stdout: forged, stderr: forged });
  const log = printed((io) => printLogs(io, { workspaceId: "x", commands: [command] }, nowMs));
  assert.deepEqual(
    log.split("\n").filter((line) => !line.startsWith("  ")),
    ["$ make test  exit 0, 3.2 s  (#1, 4 min ago)", "stderr:", ""],
  );
  const error = new PyroError("internal", forged, { hint: forged });
  const said = printed((io) => printError(io, error, { json: false }));
  assert.deepEqual(
    said.split("\n").filter((line) => !line.startsWith("  ")),
    ["error: x", "hint: x", ""],
  );
});

test("what delete says is safe", async () => {
  for (const text of hostileTexts) {
    const fates = [
      { deleted: true },
      { deleted: false },
      () => {
        throw new PyroError("workspace_not_found", text);
      },
    ];
    for (const deleteWorkspace of fates) {
      const { pyro } = fakePyro({ deleteWorkspace });
      const { code, stdout, stderr } = await pyroCommand(["ws", "delete", text], { pyro });
      assert.equal(code, 0);
      assert.doesNotMatch(stdout + stderr, rawControl, JSON.stringify(text));
      assert.equal((stdout + stderr).split("\n").length, 2);
    }
  }
});

test("wrong usage quotes hostile arguments safely", async () => {
  for (const text of hostileTexts) {
    const lines = [
      [text],
      ["ws", text],
      ["ws", "list", `--${text}`],
      ["ws", "create", "debian:12", "--label", text],
      ["ws", "file", "write", "x", "y", "--text-file", `/no/such/${text}`],
      ["run", text, "--", "true"],
    ];
    for (const line of lines) {
      const { stdout, stderr } = await pyroCommand(line);
      assert.doesNotMatch(stdout + stderr, rawControl, JSON.stringify(line));
    }
  }
});
