import type {
  LoggedCommand,
  NetworkConnection,
  PublishedPort,
  Service,
  ShellList,
  Workspace,
  WorkspaceChange,
  WorkspaceDiff,
  WorkspaceExport,
  WorkspaceFile,
  WorkspaceList,
  WorkspaceSummary,
} from "../../../src/index.ts";

/** When the fixed results are looked at. */
export const nowMs = Date.parse("2026-03-01T12:00:00Z");

/** `at(-90)` is a minute and a half ago. */
export function at(seconds: number): string {
  return new Date(nowMs + seconds * 1000).toISOString();
}

export function listed(
  change: Partial<WorkspaceList["workspaces"][number]> = {},
): WorkspaceList["workspaces"][number] {
  return {
    workspaceId: "ws-3f9a2b4c5d6e",
    name: "demo",
    labels: {},
    environment: "debian:12",
    state: "started",
    createdAt: at(-3600),
    lastActivityAt: at(-180),
    expiresAt: null,
    commandCount: 4,
    serviceCount: 0,
    runningServiceCount: 0,
    publishedPorts: [],
    shellCount: 0,
    ...change,
  };
}

export function workspace(change: Partial<Workspace> = {}): Workspace {
  return {
    ...listed(),
    failure: null,
    driver: "qemu",
    executionMode: "guest_virtio_serial",
    isolation: "emulated",
    networkPolicy: "off",
    networkPreset: null,
    networkRuleCount: 0,
    networkProjectFile: null,
    vcpuCount: 1,
    memMib: 1024,
    cpu: "v2",
    workspaceSeed: {
      mode: "directory",
      seedPath: "/home/me/project",
      entryCount: 134,
      bytes: 1_258_291,
      skippedCount: 0,
      skipped: [],
      changedWhileRead: [],
      warnings: [],
    },
    resetCount: 0,
    lastResetAt: null,
    snapshotCount: 0,
    secrets: [],
    ...change,
  };
}

export function logged(change: Partial<LoggedCommand> = {}): LoggedCommand {
  return {
    sequence: 1,
    command: ["make", "test"],
    cwd: "/workspace",
    startedAt: at(-240),
    endedAt: at(-236.8),
    exitCode: 0,
    signal: null,
    timedOut: false,
    outOfMemory: false,
    notStarted: null,
    interrupted: null,
    durationMs: 3200,
    stdout: "ok 1\nok 2\n",
    stderr: "",
    lateOutput: "",
    lateOutputBytes: 0,
    lateOutputDroppedBytes: 0,
    stdoutBytes: 10,
    stderrBytes: 0,
    stdoutDroppedBytes: 0,
    stderrDroppedBytes: 0,
    ...change,
  };
}

export function changed(change: Partial<WorkspaceChange> = {}): WorkspaceChange {
  return {
    path: "src/index.ts",
    kind: "modified",
    oldPath: null,
    oldMode: "0644",
    newMode: "0644",
    type: "file",
    isBinary: false,
    insertions: 10,
    deletions: 2,
    ...change,
  };
}

export function diff(change: Partial<WorkspaceDiff> = {}): WorkspaceDiff {
  return {
    workspaceId: "ws-3f9a2b4c5d6e",
    fileCount: 1,
    insertions: 1,
    deletions: 1,
    changes: [changed({ path: "a.txt", insertions: 1, deletions: 1 })],
    diff: "diff --git a/a.txt b/a.txt\n--- a/a.txt\n+++ b/a.txt\n@@ -1,2 +1,2 @@\n same\n--- old\n+new\n",
    stat: " a.txt | 2 +-\n 1 file changed, 1 insertion(+), 1 deletion(-)\n",
    ...change,
  };
}

export function file(change: Partial<WorkspaceFile> = {}): WorkspaceFile {
  return {
    path: "/workspace/src/a.txt",
    type: "file",
    size: 12,
    mode: "0644",
    modifiedAt: "2026-03-01T10:00:00",
    linkTarget: null,
    ...change,
  };
}

export function exported(change: Partial<WorkspaceExport> = {}): WorkspaceExport {
  return {
    workspaceId: "ws-3f9a2b4c5d6e",
    path: "/workspace/dist",
    outputPath: "/home/me/dist",
    entryCount: 3,
    bytes: 2048,
    skipped: [],
    strippedCount: 0,
    leavingLinks: [],
    changedWhileRead: [],
    runsWhenOpened: [],
    ...change,
  };
}

export function summary(change: Partial<WorkspaceSummary> = {}): WorkspaceSummary {
  const { stdout: _stdout, stderr: _stderr, ...command } = logged();
  return {
    workspaceId: "ws-3f9a2b4c5d6e",
    name: "demo",
    environment: "debian:12",
    state: "started",
    since: at(-7200),
    commands: [command],
    failedCommandCount: 0,
    events: [],
    snapshots: [],
    services: [],
    ports: [],
    shells: [],
    deniedConnections: [],
    diff: { fileCount: 0, insertions: 0, deletions: 0, changes: [], stat: "" },
    diffUnavailable: null,
    runsWhenOpened: [],
    ...change,
  };
}

export function service(change: Partial<Service> = {}): Service {
  return {
    name: "web",
    state: "running",
    reason: null,
    command: ["npm", "start"],
    cwd: "/workspace",
    readiness: { kind: "http", target: "http://localhost:8000/", ready: true, lastProbe: null },
    startedAt: at(-600),
    readyAt: at(-598),
    endedAt: null,
    exitCode: null,
    signal: null,
    outOfMemory: false,
    restart: "no",
    restartCount: 0,
    publishedPorts: [],
    ...change,
  };
}

type ListedShell = ShellList["shells"][number];

export function shell(change: Partial<ListedShell> = {}): ListedShell {
  return {
    ...{ shellId: "sh-1a2b3c4d", pid: 100, cols: 80, rows: 24, nextCursor: 0 },
    ...{ state: "running", exitCode: null, signal: null, outOfMemory: false },
    ...{ openedAt: at(-600), idleMs: 120_000, attachedCount: 0, backgroundProcessCount: 0 },
    ...change,
  };
}

export function connection(change: Partial<NetworkConnection> = {}): NetworkConnection {
  return {
    ...{ connectionId: 1, at: at(-60), source: "command:1", program: "curl" },
    ...{ host: "example.com", port: 443, address: null },
    ...{ verdict: "deny", rule: "preset none", reason: "No rule allows it.", count: 1 },
    ...{ endedAt: at(-60), failure: null, sentBytes: 0, receivedBytes: 0 },
    ...change,
  };
}

export function published(change: Partial<PublishedPort> = {}): PublishedPort {
  const { hostPort = 8080 } = change;
  return {
    host: "127.0.0.1",
    hostPort,
    guestPort: 80,
    protocol: "tcp",
    url: `http://127.0.0.1:${hostPort}`,
    service: null,
    ...change,
  };
}

/** A summary with more of everything than a screen has room for. */
export function fullSummary(): WorkspaceSummary {
  const [command] = summary().commands;
  if (command === undefined) throw new TypeError("the fixed summary has a command");
  const changes = [
    changed({ insertions: 100, deletions: 20 }),
    changed({ path: "README.md", kind: "added", insertions: 12, deletions: 0 }),
    changed({ path: "old/removed.ts", kind: "deleted", insertions: 0, deletions: 44 }),
    changed({
      path: "src/b.ts",
      kind: "renamed",
      oldPath: "src/a.ts",
      insertions: 1,
      deletions: 1,
    }),
    changed({ path: "logo.png", kind: "added", isBinary: true, insertions: 0, deletions: 0 }),
    ...Array.from({ length: 12 }, (_, index) => changed({ path: `src/more-${index}.ts` })),
  ];
  const ends = [
    { command: ["npm", "ci"], timedOut: true, exitCode: 124, durationMs: 30_000 },
    { command: ["make", "test"], exitCode: 2, durationMs: 3200 },
    { command: ["./tool"], exitCode: null, signal: "SEGV", durationMs: 40 },
    {
      command: ["nope"],
      exitCode: 127,
      notStarted: 'There is no command "nope".',
      durationMs: null,
    },
    { command: ["git", "status", "--short"], durationMs: 12 },
    { command: ["sh", "-c", "echo 'done'; exit 0"], durationMs: 5 },
  ];
  return summary({
    commands: ends.map((end, index) => ({ ...command, ...end, sequence: index + 1 })),
    failedCommandCount: 4,
    events: Array.from({ length: 7 }, (_, index) => ({
      at: at(-600 + index * 60),
      kind: "file_write",
      text: `wrote src/more-${index}.ts (12 B)`,
    })),
    snapshots: ["baseline", "before-fix"].map((name) => ({
      name,
      createdAt: at(-7200),
      storedBytes: 4096,
    })),
    services: [service(), service({ name: "db", state: "failed", exitCode: 1 })],
    ports: [
      published({ hostPort: 8080, service: "web" }),
      published({ hostPort: 40_123, guestPort: 9229, service: null }),
    ],
    deniedConnections: [
      {
        host: "allowed-since.example",
        port: 443,
        rule: "preset none",
        count: 1,
        sources: [],
        programs: [],
        stillDenied: false,
      },
      {
        host: "home.example",
        port: 443,
        rule: "preset none",
        count: 3,
        sources: ["command:3", "service:web"],
        programs: ["sh"],
        stillDenied: true,
      },
    ],
    shells: [
      shell({ attachedCount: 1 }),
      shell({ shellId: "sh-5e6f7a8b", state: "ended", exitCode: 0 }),
    ],
    diff: { fileCount: changes.length, insertions: 233, deletions: 89, changes, stat: "" },
    runsWhenOpened: [
      {
        path: ".vscode/tasks.json",
        why: "editors run tasks when the folder opens",
        runs: "by_itself",
        isChanged: true,
      },
      { path: "package.json", why: "npm runs its scripts", runs: "when_asked", isChanged: true },
      {
        path: ".envrc",
        why: "direnv runs it on entering the directory",
        runs: "by_itself",
        isChanged: true,
      },
    ],
  });
}
