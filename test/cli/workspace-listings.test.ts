import assert from "node:assert/strict";
import { test } from "node:test";
import { printExport, printPatchExport } from "../../src/cli/commands/workspace-export.ts";
import { printFileContent } from "../../src/cli/commands/workspace-file-read.ts";
import { printGc } from "../../src/cli/commands/workspace-gc.ts";
import { printWorkspaceList } from "../../src/cli/commands/workspace-list.ts";
import { printPatched } from "../../src/cli/commands/workspace-patch-apply.ts";
import { printSnapshots } from "../../src/cli/commands/workspace-snapshot-list.ts";
import { printFileList } from "../../src/cli/listings/file-list.ts";
import { printWorkspace } from "../../src/cli/listings/workspace-block.ts";
import { fakePyro } from "./support/fake-pyro.ts";
import { at, exported, file, listed, nowMs, published, workspace } from "./support/results.ts";
import { openTerminal, printed, pyroCommand } from "./support/terminal.ts";

const screen = { isTerminal: true };

const threeWorkspaces = {
  workspaces: [
    listed({ labels: { task: "42", team: "core" } }),
    listed({
      workspaceId: "ws-aaaabbbbcccc",
      name: null,
      state: "stopped",
      environment: "docker.io/library/python:3.12@sha256:0123456789abcdef",
      lastActivityAt: at(-90_000),
      expiresAt: at(7200),
    }),
    listed({
      name: "ci",
      state: "failed",
      commandCount: 0,
      serviceCount: 2,
      runningServiceCount: 1,
    }),
  ],
};

test("a list takes the columns that fit, and keeps the others from wrapping", () => {
  const list = (width: number) =>
    printed((io) => printWorkspaceList(io, threeWorkspaces, nowMs), { isTerminal: true, width });
  assert.equal(
    list(80),
    `WORKSPACE        STATE    ENVIRONMENT             ACTIVE     EXPIRES  COMMANDS
demo             started  debian:12               3 min ago  -        4
ws-aaaabbbbcccc  stopped  …o/library/python:3.12  25 h ago   in 2 h   4
ci               failed   debian:12               3 min ago  -        0
`,
  );
  assert.equal(
    list(60),
    `WORKSPACE        STATE    ACTIVE     EXPIRES  COMMANDS
demo             started  3 min ago  -        4
ws-aaaabbbbcccc  stopped  25 h ago   in 2 h   4
ci               failed   3 min ago  -        0
`,
  );
  for (let width = 8; width <= 160; width++)
    for (const line of list(width).split("\n"))
      assert.ok(line.length <= width, `${width}: ${line}`);
});

test("a list in a pipe has every column and nothing cut", () => {
  const lines = printed((io) => printWorkspaceList(io, threeWorkspaces, nowMs)).split("\n");
  assert.deepEqual(lines[0]?.split(/\s{2,}/), [
    ...["WORKSPACE", "STATE", "ENVIRONMENT", "ACTIVE", "EXPIRES"],
    ...["COMMANDS", "SERVICES", "PORTS", "SHELLS", "LABELS", "ID"],
  ]);
  assert.deepEqual(lines[2]?.split(/\s{2,}/), [
    ...["ws-aaaabbbbcccc", "stopped", "docker.io/library/python:3.12@sha256:0123456789abcdef"],
    ...["25 h ago", "in 2 h", "4", "-", "-", "-", "-", "ws-aaaabbbbcccc"],
  ]);
});

test("a workspace as a block: brief, then full", () => {
  assert.equal(
    printed((io) => printWorkspace(io, workspace(), { detail: "brief", nowMs })),
    `demo  started
  id           ws-3f9a2b4c5d6e
  environment  debian:12
  machine      1 vCPU, 1024 MiB, qemu, isolation: emulated
  network      off
  content      134 entries, 1.2 MiB from directory /home/me/project
  expires      never
Next: pyro workspace exec demo -- COMMAND…
`,
  );
  const network = {
    ...({ networkPolicy: "egress", networkPreset: "none" } as const),
    ...{ networkRuleCount: 1, networkProjectFile: "only registries\u001b; deny a.example" },
  };
  assert.match(
    printed((io) => printWorkspace(io, workspace(network), { detail: "brief", nowMs })),
    /^ {2}network {6}egress: preset none, 1 rule; \.pyro\.toml: only registries\\x1b; deny a\.example$/m,
  );
  const failed = workspace({
    state: "failed",
    failure: "The monitor ended.",
    labels: { task: "42" },
    expiresAt: at(3599),
    snapshotCount: 1,
    resetCount: 2,
    lastResetAt: at(-400),
    secrets: [{ name: "TOKEN", sourceKind: "value", credential: null }],
  });
  assert.equal(
    printed((io) => printWorkspace(io, failed, { detail: "full", nowMs })),
    `demo  failed
  failure      The monitor ended.
  id           ws-3f9a2b4c5d6e
  environment  debian:12
  machine      1 vCPU, 1024 MiB, qemu, isolation: emulated
  network      off
  content      134 entries, 1.2 MiB from directory /home/me/project
  labels       task=42
  expires      in 1 h
  created      1 h ago
  last active  3 min ago
  commands     4
  snapshots    1
  resets       2, the last 7 min ago
  secrets      TOKEN
Next: pyro workspace reset demo
Next: pyro workspace delete demo
`,
  );
});

test("services, published ports and shells are told in a list and in a block", () => {
  const publishedPorts = [published({ service: "web" }), published({ hostPort: 8081 })];
  const busy = { serviceCount: 2, runningServiceCount: 1, publishedPorts, shellCount: 3 };
  const unknown = listed({ name: "other", shellCount: null });
  const workspaces = [listed(busy), unknown];
  const lines = printed((io) => printWorkspaceList(io, { workspaces }, nowMs)).split("\n");
  assert.match(lines[1] ?? "", / 1\/2 +8080,8081 +3 /);
  assert.match(lines[2] ?? "", / - +- +\? /);
  const block = printed((io) => printWorkspace(io, workspace(busy), { detail: "full", nowMs }));
  const ports = ["8080", "8081"].map((port) => `http://127.0.0.1:${port} → port 80 of the guest`);
  assert.ok(block.includes(`\n  services     2, 1 running\n  ports        ${ports.join(", ")}\n`));
  assert.match(block, /\n {2}shells {7}3\n/);
});

test("a workspace without isolation says so", () => {
  const { io, read } = openTerminal();
  printWorkspace(io, workspace({ isolation: "none" }), { detail: "brief", nowMs });
  assert.match(
    read().stderr,
    /^warning: No isolation: commands of this workspace run on this host/,
  );
});

test("a workspace that is asked about tells what is odd about its seed", () => {
  const workspaceSeed = { ...workspace().workspaceSeed, warnings: ["odd\x1b[2J"] };
  const { io, read } = openTerminal();
  printWorkspace(io, workspace({ workspaceSeed }), { detail: "full", nowMs });
  assert.match(read().stderr, /^warning: odd\\x1b\[2J\n/);
});

test("create names what the seed left out: ten, and how many more", async () => {
  const skipped = Array.from({ length: 40 }, (_, n) => ({ path: `dev/${n}`, reason: "a device" }));
  const workspaceSeed = {
    ...workspace().workspaceSeed,
    skipped,
    skippedCount: 140,
    changedWhileRead: ["log.txt"],
    warnings: ["The checkout: its repository is elsewhere"],
  };
  const { pyro } = fakePyro({ createWorkspace: workspace({ workspaceSeed }) });
  const { stderr } = await pyroCommand(["ws", "create", "debian:12"], { pyro });
  const named = skipped.slice(0, 10).map(({ path }) => `  ${path}: a device\n`);
  assert.equal(
    stderr,
    `Next: pyro workspace exec demo -- COMMAND…
warning: The checkout: its repository is elsewhere
warning: 140 entries were left out:
${named.join("")}  and 130 more: --json
warning: 1 file changed while being copied:
  log.txt
`,
  );
});

test("an export says what deserves a look", () => {
  const result = exported({
    strippedCount: 2,
    leavingLinks: ["etc -> /etc"],
    skipped: [{ path: "dist/fifo", reason: "a fifo" }],
    runsWhenOpened: [
      { path: "package.json", why: "npm runs its scripts", runs: "when_asked", isChanged: false },
      { path: "AGENTS.md", why: "agents follow it", runs: "by_itself", isChanged: false },
      { path: ".envrc", why: "direnv runs it", runs: "by_itself", isChanged: true },
    ],
  });
  const { io, read } = openTerminal();
  printExport(io, result);
  assert.deepEqual(read(), {
    stdout: "Exported /workspace/dist to /home/me/dist: 3 entries, 2.0 KiB.\n",
    stderr: `warning: 1 entry was left out:
  dist/fifo: a fifo
warning: 1 link points out of the exported tree:
  etc -> /etc
warning: 2 files lost setuid or setgid.
warning: 2 files may run code when opened on this host; read before you open:
  .envrc: direnv runs it
  AGENTS.md: agents follow it (unchanged)
warning: 1 file may run code in a build, an installation or a test; read before you start one:
  package.json: npm runs its scripts (unchanged)
`,
  });
});

test("a patch export says what a patch cannot carry", () => {
  const result = {
    ...exported({ outputPath: "/home/me/fix.patch" }),
    ...{ fileCount: 2, insertions: 5, deletions: 1 },
    omitted: [{ path: "empty", reason: "an empty directory" }],
  };
  const { io, read } = openTerminal();
  printPatchExport(io, result);
  assert.deepEqual(read(), {
    stdout: "Wrote /home/me/fix.patch: 2 files, +5 -1.\n",
    stderr: "warning: 1 change is not in the patch:\n  empty: an empty directory\n",
  });
});

test("files are listed as ls does", () => {
  const entries = [
    file(),
    file({ path: "/workspace/bin", type: "directory", mode: "1777", size: 4096 }),
    file({ path: "/workspace/link", type: "symlink", mode: "0777", size: 4, linkTarget: "../x" }),
    file({ path: "/workspace/tool", mode: "6755", size: 123_456 }),
    file({ path: "/workspace/odd", mode: "7000", type: "other", size: 0 }),
  ];
  assert.equal(
    printed((io) => printFileList(io, { workspaceId: "x", path: "/workspace", entries })),
    `-rw-r--r--      12  2026-03-01 10:00  src/a.txt
drwxrwxrwt    4096  2026-03-01 10:00  bin/
lrwxrwxrwx       4  2026-03-01 10:00  link -> ../x
-rwsr-sr-x  123456  2026-03-01 10:00  tool
?--S--S--T       0  2026-03-01 10:00  odd
`,
  );
});

test("a file is its bytes in a pipe, and safe on a terminal", () => {
  const bytes = Buffer.from([0xff, 0x1b, 0x5b, 0x63, 0x0a]);
  const binary = {
    workspaceId: "x",
    path: "/workspace/a",
    size: 100_000,
    text: bytes.toString(),
    base64: bytes.toString("base64"),
    truncated: true,
  };
  const { io } = openTerminal();
  printFileContent(io, binary, 5);
  assert.deepEqual((io.stdout as unknown as { read(): Buffer }).read(), bytes);
  assert.equal(
    printed((one) => printFileContent(one, binary, 5), screen),
    "\ufffd\\x1b[c\nnote: These are the first 5 B of 97.7 KiB; read more with --max-bytes.\n",
  );
  const text = { ...binary, text: "no end", base64: null, truncated: false };
  assert.equal(
    printed((one) => printFileContent(one, text, 5), screen),
    "no end\n",
  );
  assert.equal(
    printed((one) => printFileContent(one, text, 5)),
    "no end",
  );
});

test("a patch names its files and how hunks were placed", () => {
  const files = [
    { path: "a.txt", kind: "modified" as const, oldPath: null, notes: ["hunk 2 at line 14"] },
    { path: "new", kind: "renamed" as const, oldPath: "old", notes: [] },
    { path: "tool", kind: "mode_changed" as const, oldPath: null, notes: [] },
  ];
  assert.equal(
    printed((io) => printPatched(io, { workspaceId: "x", files })),
    "M a.txt\n    hunk 2 at line 14\nR old → new\nM tool\n",
  );
});

test("snapshots and garbage", () => {
  const snapshots = [
    { name: "baseline", createdAt: at(-7200), storedBytes: 1_048_576 },
    { name: "before-fix", createdAt: at(-30), storedBytes: 512 },
  ];
  assert.equal(
    printed((io) => printSnapshots(io, { workspaceId: "x", snapshots }, nowMs)),
    `SNAPSHOT    CREATED   STORED
baseline    2 h ago   1.0 MiB
before-fix  30 s ago  512 B
`,
  );
  const result = { deletedWorkspaceIds: ["ws-1", "ws-2"], sweptDirectories: 1 };
  assert.equal(
    printed((io) => printGc(io, result, { dryRun: true })),
    "Would delete 2 workspaces and 1 leftover.\n  ws-1\n  ws-2\n",
  );
});

test("colour says how workspaces stand, only where colours are wanted", () => {
  const inColor = { isTerminal: true, color: true };
  const list = printed((io) => printWorkspaceList(io, threeWorkspaces, nowMs), inColor);
  assert.match(list, /\u001b\[32mstarted\u001b\[0m/);
  assert.match(list, /\u001b\[31mfailed\u001b\[0m/);
});
