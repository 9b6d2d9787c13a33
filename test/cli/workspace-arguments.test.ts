import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { PyroError } from "../../src/index.ts";
import { fakePyro } from "./support/fake-pyro.ts";
import { diff, exported, listed, summary, workspace } from "./support/results.ts";
import { pyroCommand } from "./support/terminal.ts";

const directory = mkdtempSync(join(tmpdir(), "pyro-cli-"));
after(() => rmSync(directory, { recursive: true }));

/** What the SDK was asked for by one command line that succeeds. */
async function asked(line: readonly string[], answers: Record<string, unknown>, input = "") {
  const { pyro, calls } = fakePyro(answers);
  const { code, stderr } = await pyroCommand(["workspace", ...line], { pyro, input });
  assert.equal(code, 0, stderr);
  return calls;
}

test("wrong usage ends with 2, says why, and never asks the SDK", async () => {
  const wrong: readonly (readonly [line: string, message: RegExp])[] = [
    ["create", /Missing required argument 'environment'/],
    ["create debian:12 --label team", /"team" is not KEY=VALUE/],
    ["create debian:12 --label =core", /"=core" is not KEY=VALUE/],
    [
      "create debian:12 --network-policy on",
      /Allowed choices are off, published-ports, egress, egress\+published/,
    ],
    ["create debian:12 --ttl-seconds soon", /"soon" is not a number of seconds/],
    ["create debian:12 --id-only --json", /'--id-only' cannot be used with option '--json'/],
    ["list --state running", /Allowed choices are creating, started, stopping, stopped/],
    ["list --label x", /"x" is not KEY=VALUE/],
    ["status", /Missing required argument 'id'/],
    ["update demo", /^error: There is nothing to update\.\nhint: Give --name, --clear-name/],
    ["update demo --name x --clear-name", /'--name <name>' cannot be used with .*'--clear-name'/],
    ["delete", /Missing required argument 'id'/],
    ["logs demo --last x", /"x" is not a whole number/],
    ["logs demo --last 2 --sequence 1", /'--last <n>' cannot be used/],
    ["logs demo --raw", /--raw prints one command, but none is named\.\nhint: Add --sequence N/],
    ["logs demo --raw --sequence 1 --json", /'--raw' cannot be used with option '--json'/],
    ["diff demo --stat --name-only", /'--stat' cannot be used with option '--name-only'/],
    ["export demo a", /Nothing says where the export goes\.\nhint: Give --output HOST_PATH or/],
    ["export demo --output x", /Nothing says what to export/],
    ["export demo a b --output x", /--output takes one path, but 2 are given/],
    ["export demo --output x --patch y", /'--patch <file>' cannot be used with option '--output/],
    ["exec demo", /Missing required argument 'command'/],
    ["exec demo --env HOME -- true", /"HOME" is not KEY=VALUE/],
    ["exec demo --timeout-seconds x -- true", /"x" is not a number of seconds/],
    ["gc --older-than 7", /"7" is not a duration such as 30m, 12h or 7d/],
    ["gc --older-than 1w", /"1w" is not a duration/],
    ["sync push demo", /Missing required argument 'source'/],
    ["file read demo", /Missing required argument 'path'/],
    ["file read demo a --max-bytes 64k", /"64k" is not a whole number/],
    ["file write demo a", /Neither --text nor --text-file is given\.\nhint: Give --text TEXT/],
    ["file write demo a --text x --text-file y", /'--text <text>' cannot be used/],
    [
      "file write demo a --text-file /no/such",
      /--text-file "\/no\/such" cannot be read \(ENOENT\)/,
    ],
    ["shell write demo sh-1", /Neither --input nor --input-file is given\.\nhint: Give --input/],
    ["shell write demo sh-1 --input x --input-file y", /'--input-file <file>' cannot be used/],
    ["service start demo web", /Missing required argument 'command'/],
    [
      "service start demo web --ready-tcp 1 --ready-log x -- a",
      /cannot be used with option '--ready-/,
    ],
    ["secret set demo", /There is no secret to set\.\nhint: Give --secret-file NAME=PATH/],
    ["port unpublish demo x", /"x" is not a whole number/],
    ["patch apply demo", /Neither --patch nor --patch-file is given/],
    ["snapshot create demo", /Missing required argument 'name'/],
    ["snapshot delete demo", /Missing required argument 'name'/],
    ["statsu demo", /Unknown command 'statsu'\n\(Did you mean status\?\)/],
  ];
  for (const [line, message] of wrong) {
    const { pyro } = fakePyro({});
    const ended = await pyroCommand(["workspace", ...line.split(" ")], { pyro });
    assert.equal(ended.code, 2, line);
    assert.equal(ended.stdout, "", line);
    assert.match(ended.stderr, message, line);
    assert.match(ended.stderr, /^error: [-A-Z"]/, line);
  }
});

test("create passes every option on", async () => {
  const line =
    `create debian:12 --seed-path . --respect-gitignore --include-outer-git --name demo --label a=1 --label b=x=y --vcpu-count 2
    --mem-mib 2048 --cpu v3 --ttl-seconds 60 --network-policy egress --allow-host-compat`.split(
      /\s+/,
    );
  assert.deepEqual(await asked(line, { createWorkspace: workspace() }), [
    [
      "createWorkspace",
      {
        environment: "debian:12",
        seedPath: ".",
        respectGitignore: true,
        includeOuterGit: true,
        name: "demo",
        labels: { a: "1", b: "x=y" },
        vcpuCount: 2,
        memMib: 2048,
        cpu: "v3",
        ttlSeconds: 60,
        networkPolicy: "egress",
        allowHostCompat: true,
      },
    ],
  ]);
});

test("what is not said is left to the SDK", async () => {
  const options = {
    environment: "debian:12",
    respectGitignore: false,
    includeOuterGit: false,
    vcpuCount: 1,
    memMib: 1024,
    networkPolicy: "off",
    allowHostCompat: false,
  };
  assert.deepEqual(await asked(["create", "debian:12"], { createWorkspace: workspace() }), [
    ["createWorkspace", options],
  ]);
  assert.deepEqual(await asked(["diff", "demo"], { streamWorkspaceDiff: { fileCount: 0 } }), [
    ["streamWorkspaceDiff", "demo", {}],
  ]);
  assert.deepEqual(await asked(["diff", "demo", "--stat"], { diffWorkspace: diff() }), [
    ["diffWorkspace", "demo", {}],
  ]);
  assert.deepEqual(
    await asked(["gc"], { gcWorkspaces: { deletedWorkspaceIds: [], sweptDirectories: 0 } }),
    [["gcWorkspaces", { dryRun: false }]],
  );
});

test("each command asks for what its arguments say", async () => {
  const lines: readonly (readonly [string, string, unknown, ...unknown[]])[] = [
    ["status demo", "statusWorkspace", workspace(), "demo"],
    ["start demo", "startWorkspace", workspace(), "demo", { resumeServices: false }],
    ["stop demo", "stopWorkspace", workspace({ state: "stopped" }), "demo"],
    ["reset demo", "resetWorkspace", workspace(), "demo", { snapshot: "baseline" }],
    ["reset demo --snapshot s", "resetWorkspace", workspace(), "demo", { snapshot: "s" }],
    [
      "update demo --name new --label a=1 --clear-label b --clear-label c",
      "updateWorkspace",
      workspace(),
      "demo",
      { name: "new", clearName: false, labels: { a: "1" }, clearLabels: ["b", "c"] },
    ],
    ["update demo --clear-name", "updateWorkspace", workspace(), "demo", { clearName: true }],
    ["summary demo", "summarizeWorkspace", summary(), "demo"],
    ["logs demo --last 3", "logsWorkspace", { commands: [] }, "demo", { last: 3 }],
    [
      "diff demo src a.txt",
      "streamWorkspaceDiff",
      { fileCount: 1 },
      "demo",
      { paths: ["src", "a.txt"] },
    ],
    [
      "logs demo --raw --sequence 3",
      "replayCommandOutput",
      { stdoutDroppedBytes: 0, stderrDroppedBytes: 0 },
      "demo",
      { sequence: 3 },
    ],
    [
      "export demo dist --output o",
      "exportWorkspace",
      exported(),
      "demo",
      "dist",
      { outputPath: "o" },
    ],
    [
      "export demo dist --output o --leave-out-self-running",
      "exportWorkspace",
      exported(),
      "demo",
      "dist",
      { outputPath: "o", leaveOutSelfRunning: true },
    ],
    [
      "export demo --patch p src",
      "exportWorkspacePatch",
      { ...exported(), omitted: [], fileCount: 1, insertions: 1, deletions: 0 },
      "demo",
      { paths: ["src"], outputPath: "p" },
    ],
    [
      "sync push demo src --dest d",
      "pushWorkspaceSync",
      {
        source: "src",
        dest: "d",
        entryCount: 1,
        bytes: 1,
        skipped: [],
        changedWhileRead: [],
        warnings: [],
      },
      "demo",
      "src",
      { dest: "d", respectGitignore: false, includeOuterGit: false },
    ],
    [
      "file list demo src --recursive",
      "listWorkspaceFiles",
      { path: "/workspace/src", entries: [] },
      "demo",
      { path: "src", recursive: true },
    ],
    [
      "file read demo a.txt",
      "readWorkspaceFile",
      { text: "a", base64: null, truncated: false, size: 1 },
      "demo",
      "a.txt",
      { maxBytes: 65_536 },
    ],
    ["snapshot list demo", "listSnapshots", { snapshots: [] }, "demo"],
    [
      "gc --older-than 12h --dry-run",
      "gcWorkspaces",
      { deletedWorkspaceIds: [], sweptDirectories: 0 },
      { olderThanSeconds: 43_200, dryRun: true },
    ],
  ];
  for (const [line, method, answer, ...args] of lines) {
    const [call] = await asked(line.split(" "), { [method]: answer });
    assert.deepEqual(call, [method, ...args], line);
  }
});

test("the workspace group is also called ws", async () => {
  const { pyro, calls } = fakePyro({ statusWorkspace: workspace() });
  assert.equal((await pyroCommand(["ws", "status", "demo"], { pyro })).code, 0);
  assert.equal(calls.length, 1);
});

test("file write and patch apply take text, a file or standard input", async () => {
  const path = join(directory, "input");
  writeFileSync(path, "from a file\n");
  const written = { path: "/workspace/a", bytes: 1, created: true };
  const text = async (option: string, value: string, input = "") => {
    const write = ["file", "write", "demo", "a", `--text${option}`, value];
    const [[, , , options] = []] = await asked(write, { writeWorkspaceFile: written }, input);
    const patch = ["patch", "apply", "demo", `--patch${option}`, value];
    const [[, , patched] = []] = await asked(patch, { applyWorkspacePatch: { files: [] } }, input);
    const given = [(options as { text: unknown }).text, (patched as { patch: unknown }).patch];
    return given.map((one) =>
      typeof one === "string" ? one : Buffer.from(one as Buffer).toString(),
    );
  };
  assert.deepEqual(await text("", "as it is"), ["as it is", "as it is"]);
  assert.deepEqual(await text("", ""), ["", ""]);
  assert.deepEqual(await text("-file", path), ["from a file\n", "from a file\n"]);
  assert.deepEqual(await text("-file", "-", "piped\n"), ["piped\n", "piped\n"]);
});

test("--id-only prints the id and nothing else", async () => {
  const answers = { createWorkspace: workspace(), listWorkspaces: { workspaces: [listed()] } };
  for (const line of [["create", "debian:12"], ["list"]]) {
    const { pyro } = fakePyro(answers);
    const ended = await pyroCommand(["workspace", ...line, "--id-only"], { pyro });
    assert.deepEqual(ended, { code: 0, stdout: "ws-3f9a2b4c5d6e\n", stderr: "" });
  }
});

test("--json prints one object in the wire's names, and nothing on stderr", async () => {
  const { workspaceSeed } = workspace();
  const skipped = [{ path: "dev/null", reason: "a device" }];
  const created = workspace({
    labels: { someKey: "1" },
    workspaceSeed: { ...workspaceSeed, skipped, skippedCount: 1 },
  });
  const { pyro } = fakePyro({ createWorkspace: created });
  const ended = await pyroCommand(["ws", "create", "debian:12", "--json"], { pyro });
  assert.equal(ended.stderr, "");
  assert.equal(ended.stdout.split("\n").length, 2);
  const object = JSON.parse(ended.stdout);
  assert.equal(object.workspace_id, "ws-3f9a2b4c5d6e");
  assert.equal(object.workspace_seed.skipped_count, 1);
  assert.deepEqual(object.labels, { someKey: "1" });
});

test("JSON cannot drive a terminal either, and means the same", async () => {
  const name = "a\u009b31m\u202eb\u2028c";
  const { pyro } = fakePyro({ statusWorkspace: workspace({ name }) });
  const { stdout } = await pyroCommand(["ws", "status", "x", "--json"], { pyro });
  assert.match(stdout, /^[\u0020-\u007e]+\n$/);
  assert.equal(JSON.parse(stdout).name, name);
});

test("list keeps only what is asked for", async () => {
  const answers = {
    listWorkspaces: {
      workspaces: [
        listed({ workspaceId: "ws-1", labels: { team: "core", task: "1" } }),
        listed({ workspaceId: "ws-2", labels: { team: "core" }, state: "stopped" }),
        listed({ workspaceId: "ws-3" }),
      ],
    },
  };
  const ids = async (...options: string[]) => {
    const { pyro } = fakePyro(answers);
    const { stdout } = await pyroCommand(["ws", "list", "--id-only", ...options], { pyro });
    return stdout.split("\n").filter(Boolean);
  };
  assert.deepEqual(await ids(), ["ws-1", "ws-2", "ws-3"]);
  assert.deepEqual(await ids("--label", "team=core"), ["ws-1", "ws-2"]);
  assert.deepEqual(await ids("--label", "team=core", "--label", "task=1"), ["ws-1"]);
  assert.deepEqual(await ids("--label", "team=core", "--state", "stopped"), ["ws-2"]);
});

test("an empty list says how to begin, on stderr", async () => {
  const { pyro } = fakePyro({ listWorkspaces: { workspaces: [] } });
  assert.deepEqual(await pyroCommand(["ws", "list"], { pyro }), {
    code: 0,
    stdout: "",
    stderr: "There are no workspaces. Create one: pyro workspace create debian:12\n",
  });
  const filtered = await pyroCommand(["ws", "list", "--state", "failed"], { pyro });
  assert.equal(filtered.stderr, "No workspace is like that. All of them: pyro workspace list\n");
});

test("delete goes through all of them; one that is gone is a note, one that fails is the exit code", async () => {
  const fates: Record<string, () => unknown> = {
    a: () => ({ workspaceId: "ws-a", deleted: true }),
    b: () => ({ workspaceId: "ws-b", deleted: false }),
    c: () => {
      throw new PyroError("workspace_not_found", "Workspace c is gone: deleted.");
    },
    d: () => {
      throw new PyroError("workspace_busy", "Workspace d is being reset.");
    },
  };
  const answers = { deleteWorkspace: (id: unknown) => fates[String(id)]?.() };
  const { pyro } = fakePyro(answers);
  assert.deepEqual(await pyroCommand(["ws", "delete", "a", "b", "c", "a"], { pyro }), {
    code: 0,
    stdout: "Deleted a.\n",
    stderr: "note: Workspace b is gone already.\nnote: Workspace c is gone: deleted.\n",
  });
  assert.deepEqual(await pyroCommand(["ws", "delete", "d", "a"], { pyro }), {
    code: 1,
    stdout: "Deleted a.\n",
    stderr: "error: Workspace d is being reset.\n",
  });
  const json = await pyroCommand(["ws", "delete", "--json", "a", "c"], { pyro });
  assert.deepEqual(
    json.stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line)),
    [
      { workspace_id: "ws-a", deleted: true },
      { workspace_id: "c", deleted: false },
    ],
  );
});

test("a number that no command has is refused", async () => {
  const { pyro } = fakePyro({ logsWorkspace: { workspaceId: "ws-1", commands: [] } });
  assert.deepEqual(await pyroCommand(["ws", "logs", "demo", "--sequence", "9"], { pyro }), {
    code: 2,
    stdout: "",
    stderr:
      "error: No command since the last reset is #9.\nhint: See which there are: pyro workspace logs demo\n",
  });
});

test("a failure of the SDK is an error and a hint, or one JSON object", async () => {
  const answers = {
    statusWorkspace: () => {
      throw new PyroError("workspace_not_found", 'There is no workspace "x".', { hint: "Look." });
    },
  };
  const { pyro } = fakePyro(answers);
  assert.deepEqual(await pyroCommand(["ws", "status", "x"], { pyro }), {
    code: 1,
    stdout: "",
    stderr: 'error: There is no workspace "x".\nhint: Look.\n',
  });
  const json = await pyroCommand(["ws", "status", "x", "--json"], { pyro });
  assert.deepEqual([json.code, json.stderr], [1, ""]);
  const error = {
    code: "workspace_not_found",
    message: 'There is no workspace "x".',
    hint: "Look.",
  };
  assert.deepEqual(JSON.parse(json.stdout), { error });
});

test("what programs that are started get reaches the SDK, whichever command starts them", async () => {
  const given = "--cwd /tmp --env A=1 --secret-env TOKEN=T --secret-env KEY".split(" ");
  const wanted = { cwd: "/tmp", env: { A: "1" }, secretEnv: { TOKEN: "T", KEY: "KEY" } };
  const askedFor = async (line: readonly string[], method: string) => {
    const refuse = () => {
      throw new PyroError("not_supported", "It is only asked.");
    };
    const { pyro, calls } = fakePyro({ [method]: refuse });
    await pyroCommand(["workspace", ...line, ...given, "--", "true"], { pyro });
    return calls[0]?.at(-1) as Record<string, unknown>;
  };
  for (const [line, method] of [
    ["exec demo", "execWorkspace"],
    ["shell open demo", "openShell"],
    ["service start demo web", "startService"],
  ] as const) {
    const { cwd, env, secretEnv, command } = await askedFor(line.split(" "), method);
    assert.deepEqual({ cwd, env, secretEnv, command }, { ...wanted, command: ["true"] }, line);
  }
});
