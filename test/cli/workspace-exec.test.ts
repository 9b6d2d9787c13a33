import assert from "node:assert/strict";
import { test } from "node:test";
import type { InputKind } from "../../src/cli/io.ts";
import { type ExecWorkspaceOptions, PyroError, type WorkspaceExecResult } from "../../src/index.ts";
import { fakePyro } from "./support/fake-pyro.ts";
import { pyroCommand, type TerminalOptions } from "./support/terminal.ts";

function result(change: Partial<WorkspaceExecResult> = {}): WorkspaceExecResult {
  return {
    workspaceId: "ws-1",
    sequence: 1,
    command: ["true"],
    cwd: "/workspace",
    exitCode: 0,
    signal: null,
    timedOut: false,
    outOfMemory: false,
    notStarted: null,
    hint: null,
    stdout: "",
    stderr: "",
    stdoutBase64: null,
    stderrBase64: null,
    stdoutTruncated: false,
    stderrTruncated: false,
    deniedConnections: [],
    durationMs: 3,
    backgroundProcessCount: 0,
    journaled: true,
    executionMode: "guest_virtio_serial",
    ...change,
  };
}

async function exec(answer: unknown, ...line: string[]) {
  return await execWith({}, answer, ...line);
}

async function execWith(terminal: TerminalOptions, answer: unknown, ...line: string[]) {
  const { pyro, calls } = fakePyro({ execWorkspace: answer });
  const options = { input: "typed", ...terminal, pyro };
  const ended = await pyroCommand(["ws", "exec", "demo", ...line], options);
  return { ended, calls };
}

test("exec passes its options on, and dashes in the command are the command's", async () => {
  const { calls } = await exec(
    result(),
    ...["--timeout-seconds", "1.5", "--cwd", "src", "--env", "A=1", "--env", "B=", "--"],
    ...["ls", "--json", "-la"],
  );
  const command = ["ls", "--json", "-la"];
  assert.deepEqual(calls, [
    [
      "execWorkspace",
      "demo",
      { command, timeoutSeconds: 1.5, cwd: "/workspace/src", env: { A: "1", B: "" } },
    ],
  ]);
});

test("output comes as it is, on its own stream, and standard input is passed through", async () => {
  const live = async (_: unknown, options: ExecWorkspaceOptions) => {
    const chunks: Buffer[] = [];
    for await (const chunk of options.stdin ?? []) chunks.push(chunk);
    await options.onStdout?.(Buffer.from(`\u001b[1m${Buffer.concat(chunks)}`));
    await options.onStderr?.(Buffer.from("err"));
    return result({ exitCode: 7 });
  };
  const { ended } = await exec(live, "--", "cat");
  assert.deepEqual(ended, { code: 7, stdout: "\u001b[1mtyped", stderr: "err" });
});

test("a command reads a pipe unless told not to, and a terminal only when told to", async () => {
  const look = (_: unknown, { stdin }: ExecWorkspaceOptions) =>
    result({ exitCode: stdin === undefined ? 1 : 0 });
  const reads = async (inputKind: InputKind, ...options: string[]) =>
    (await execWith({ inputKind }, look, ...options, "--", "cat")).ended.code === 0;
  assert.deepEqual(
    [await reads("data"), await reads("data", "-n"), await reads("data", "--no-stdin")],
    [true, false, false],
  );
  assert.deepEqual(
    [await reads("terminal"), await reads("terminal", "-i"), await reads("nothing", "-i")],
    [false, true, false],
  );
  const both = await exec(result(), "-i", "-n", "--", "cat");
  assert.equal(both.ended.code, 2);
  assert.match(
    both.ended.stderr,
    /'-i, --interactive' cannot be used with option '-n, --no-stdin'/,
  );
});

test("processes that run on are counted", async () => {
  const left = (backgroundProcessCount: number) =>
    exec(result({ backgroundProcessCount }), "--", "x");
  const rest = "on in the background. What is still written is kept apart: pyro workspace logs\n";
  assert.equal((await left(1)).ended.stderr, `1 process runs ${rest}`);
  assert.equal((await left(2)).ended.stderr, `2 processes run ${rest}`);
  assert.equal((await left(0)).ended.stderr, "");
});

test("ends that a code does not explain are explained", async () => {
  const ends: readonly (readonly [Partial<WorkspaceExecResult>, number, string])[] = [
    [{ exitCode: 1 }, 1, ""],
    [
      { exitCode: 124, timedOut: true },
      124,
      "error: The command was stopped after 30 s.\nhint: Give it longer with --timeout-seconds.\n",
    ],
    [
      { exitCode: 137, outOfMemory: true },
      137,
      "error: The command ran out of the workspace's memory.\nhint: Create a workspace with more: pyro workspace create --mem-mib N\n",
    ],
    [{ exitCode: 132, hint: "Its CPU is small." }, 132, "hint: Its CPU is small.\n"],
    [{ exitCode: 127, notStarted: 'No "x\u001b".' }, 127, 'error: No "x\\x1b".\n'],
    [
      {
        exitCode: 6,
        deniedConnections: [
          { host: "a.example", port: 443, rule: "preset none", count: 2 },
          { host: "fd00::1", port: 80, rule: "default deny private", count: 1 },
        ],
      },
      6,
      "denied: a.example:443 (preset none, 2 times)\nhint: A person can allow it: pyro workspace network allow demo a.example:443\ndenied: [fd00::1]:80 (default deny private)\nhint: A person can allow it: pyro workspace network allow demo [fd00::1]:80\n",
    ],
    [
      {
        exitCode: 6,
        deniedConnections: [
          { host: "a.example", port: 443, rule: ".pyro.toml: only registries", count: 1 },
          { host: "b.example", port: 443, rule: "deny b.example", count: 1 },
        ],
      },
      6,
      "denied: a.example:443 (.pyro.toml: only registries)\nhint: The project's own file refuses it, and no rule changes that. Change .pyro.toml in the project, and create another workspace.\ndenied: b.example:443 (deny b.example)\nhint: A person can take that back: pyro workspace network remove demo 'deny b.example'\n",
    ],
  ];
  for (const [change, code, stderr] of ends)
    assert.deepEqual((await exec(result(change), "--", "x")).ended, { code, stdout: "", stderr });
});

test("125 when pyro itself failed, also in JSON", async () => {
  const fails = () => {
    throw new PyroError("workspace_state_conflict", "Workspace demo is stopped.");
  };
  const plain = await exec(fails, "--", "true");
  assert.deepEqual(plain.ended, {
    code: 125,
    stdout: "",
    stderr: "error: Workspace demo is stopped.\n",
  });
  const json = await exec(fails, "--json", "--", "true");
  assert.equal(json.ended.code, 125);
  assert.equal(JSON.parse(json.ended.stdout).error.code, "workspace_state_conflict");
});

test("--json holds the output back and prints one object", async () => {
  const answer = (_: unknown, options: ExecWorkspaceOptions) => {
    assert.equal(options.onStdout, undefined);
    return result({ exitCode: 3, stdout: "out" });
  };
  const { ended } = await exec(answer, "--json", "--", "x");
  assert.equal(ended.code, 3);
  const { exit_code, stdout, sequence } = JSON.parse(ended.stdout);
  assert.deepEqual({ exit_code, stdout, sequence }, { exit_code: 3, stdout: "out", sequence: 1 });
});

test("the first Ctrl-C ends the command, and the code is the signal's", async () => {
  const waits = (_: unknown, { signal }: ExecWorkspaceOptions) =>
    new Promise((_resolve, reject) => {
      signal?.addEventListener("abort", () => reject(signal.reason));
      process.listeners("SIGINT").at(-1)?.("SIGINT");
    });
  const { ended } = await exec(waits, "--", "sleep", "60");
  assert.deepEqual(ended, { code: 130, stdout: "", stderr: "" });
});
