import assert from "node:assert/strict";
import { Readable } from "node:stream";
import { after, before, describe, it } from "node:test";
import type { LoggedCommand } from "../../src/index.ts";
import { until } from "../support/until.ts";
import { refusal, saying, TestWorkspaces } from "../support/workspaces.ts";

const mib = 1024 * 1024;

describe("a command in a workspace", () => {
  let ws: TestWorkspaces;
  let id: string;
  before(async () => {
    ws = await TestWorkspaces.open();
    ({ workspaceId: id } = await ws.create({ name: "exec" }));
  });
  after(async () => {
    await ws.assertNothingLeft();
    await ws[Symbol.asyncDispose]();
  });

  const exec = (
    command: readonly string[],
    options: Partial<Parameters<typeof ws.pyro.execWorkspace>[1]> = {},
  ) => ws.pyro.execWorkspace(id, { command, ...options });
  const sh = (line: string, options = {}) => exec(["sh", "-c", line], options);
  const logged = async (sequence: number): Promise<LoggedCommand> => {
    const [command] = (await ws.pyro.logsWorkspace(id, { sequence })).commands;
    assert.ok(command);
    return command;
  };

  it("are read back in pages that fit into memory, from the first to the last", async () => {
    const { workspaceId } = await ws.create();
    for (let count = 0; count < 4; count++)
      await ws.pyro.execWorkspace(workspaceId, {
        command: ["sh", "-c", "head -c 9000000 /dev/zero | tr '\\0' x"],
        timeoutSeconds: 120,
      });
    const first = await ws.pyro.logsWorkspace(workspaceId);
    assert.deepEqual(
      [first.commands.map(({ sequence }) => sequence), first.nextAfter],
      [[1, 2, 3], 3],
    );
    assert.equal(first.commands[0]?.stdout.length, 9_000_000);
    const second = await ws.pyro.logsWorkspace(workspaceId, { after: 3 });
    assert.deepEqual(
      [second.commands.map(({ sequence }) => sequence), second.nextAfter],
      [[4], null],
    );
    const piece = await ws.pyro.readCommandOutput(workspaceId, { sequence: 4, offset: 8_999_990 });
    assert.deepEqual(
      [piece.output, piece.nextOffset, piece.outputBytes],
      ["x".repeat(10), 9_000_000, 9_000_000],
    );
    await ws.pyro.deleteWorkspace(workspaceId);
  });

  it("has its outputs, its exit code and its number, and the journal has the same", async () => {
    const first = await sh("echo out; echo err >&2; pwd; exit 3");
    assert.deepEqual(
      [first.stdout, first.stderr, first.exitCode, first.cwd, first.executionMode],
      ["out\n/workspace\n", "err\n", 3, "/workspace", "guest_virtio_serial"],
    );
    const second = await sh("true");
    assert.equal(second.sequence, first.sequence + 1);
    const entry = await logged(first.sequence);
    assert.deepEqual(
      [entry.command, entry.stdout, entry.stderr, entry.exitCode, entry.interrupted],
      [first.command, first.stdout, first.stderr, 3, null],
    );
    assert.deepEqual([entry.stdoutBytes, entry.stdoutDroppedBytes], [15, 0]);
    assert.ok(entry.endedAt !== null && entry.endedAt >= entry.startedAt);
  });

  it("gets standard input, environment and directory, and arguments as they are", async () => {
    const input = Buffer.from(Array.from({ length: 200_000 }, (_, index) => (index * 7) % 256));
    const copied = await exec(["cat"], { stdin: Readable.from([input]) });
    assert.ok(Buffer.from(copied.stdoutBase64 ?? "", "base64").equals(input));
    const words = ["", "a b", "$HOME", "é😀", "--json"];
    assert.equal(
      (await exec(["printf", "<%s>", ...words])).stdout,
      words.map((word) => `<${word}>`).join(""),
    );
    const env = { GREETING: "hello world", EMPTY: "" };
    const seen = await sh('pwd; echo "$GREETING"; echo "$EMPTY."; env | grep -c EMPTY', {
      cwd: "/etc",
      env,
    });
    assert.deepEqual([seen.stdout, seen.cwd], ["/etc\nhello world\n.\n1\n", "/etc"]);
    assert.equal((await sh("true", { cwd: "/none" })).exitCode, 126);
  });

  it("reads /dev/null where it is given no input", async () => {
    const without = await sh("readlink /proc/self/fd/0; [ -p /dev/stdin ] || echo no pipe; cat");
    assert.equal(without.stdout, "/dev/null\nno pipe\n");
    const given = await sh("[ -p /dev/stdin ] && cat", { stdin: Readable.from(["it"]) });
    assert.equal(given.stdout, "it");
  });

  it("leaves running what it started with &, and counts it", async () => {
    const serve = "while echo served; do echo tick >>ticks; sleep 0.05; done";
    const { stdout, backgroundProcessCount } = await sh(
      `(${serve}) & echo $! >serving; yes & echo $! >busy`,
    );
    assert.match(stdout, /^served\n/m);
    assert.ok([2, 3].includes(backgroundProcessCount), String(backgroundProcessCount));
    const lives = await sh(
      "until [ $(wc -l <ticks) -ge 40 ]; do sleep 0.1; done; kill -0 $(cat busy)",
    );
    assert.deepEqual([lives.exitCode, lives.backgroundProcessCount], [0, 0]);
    const silent = await sh("sleep 631 >/dev/null 2>&1 & echo $! >napping");
    assert.equal(silent.backgroundProcessCount, 1);
    assert.equal((await sh("kill $(cat serving busy napping)")).exitCode, 0);
  });

  it("takes a command of any brackets and colours for what it is", async () => {
    const brackets = "[{".repeat(500);
    const colours = "\u001b[1mbold\u001b[0m ".repeat(40);
    const { stdout, sequence } = await exec(["printf", "%s", brackets, "]".repeat(99), colours]);
    assert.equal(stdout, `${brackets}${"]".repeat(99)}${colours}`);
    assert.equal((await logged(sequence)).command[2], brackets);
  });

  it("ends as shells say it: 127, 126, signals, 124", async () => {
    const missing = await exec(["no-such-command"]);
    assert.equal(missing.exitCode, 127);
    assert.match(missing.notStarted ?? "", /^no program "no-such-command" in PATH /);
    assert.equal((await exec(["/etc/passwd"])).exitCode, 126);
    const killed = await sh("kill -SEGV $$");
    assert.deepEqual([killed.exitCode, killed.signal, killed.timedOut], [139, "SEGV", false]);
    const late = await sh("echo begun; sleep 617 & sleep 617", { timeoutSeconds: 1 });
    assert.deepEqual([late.stdout, late.exitCode, late.timedOut], ["begun\n", 124, true]);
    assert.equal((await sh("pgrep -f 'sleep 617' || echo none")).stdout, "none\n");
    assert.deepEqual((await logged(late.sequence)).timedOut, true);
  });

  it("streams while it runs, and is in the logs before it ends", async () => {
    const { said, onStdout } = saying("ready\n");
    const { promise: sequence, resolve: onSequence } = Promise.withResolvers<number>();
    const stdin = new Readable({ read: () => undefined });
    const running = sh("echo ready; read answer; echo got $answer", {
      stdin,
      onStdout,
      onSequence,
    });
    await said;
    const entry = await logged(await sequence);
    assert.deepEqual(
      [entry.stdout, entry.endedAt, entry.exitCode, entry.stdoutBytes],
      ["ready\n", null, null, 6],
    );
    stdin.push("it\n");
    stdin.push(null);
    assert.equal((await running).exitCode, 0);
    assert.equal((await logged(await sequence)).stdout, "ready\ngot it\n");
  });

  it("is killed in the guest, with all it started, when the caller gives up", async () => {
    const { said, onStdout } = saying("ready\n");
    const abort = new AbortController();
    const running = sh("sleep 619 & echo ready; sleep 619", {
      onStdout,
      signal: abort.signal,
      timeoutSeconds: 600,
    });
    await said;
    abort.abort();
    await assert.rejects(running);
    await until("its processes are gone", async () => {
      const { stdout } = await sh("pgrep -f 'sleep 619' || echo none");
      return stdout === "none\n";
    });
    const { commands } = await ws.pyro.logsWorkspace(id);
    const entry = commands.find(({ command }) => command.at(-1)?.includes("619"));
    assert.deepEqual([entry?.interrupted, entry?.exitCode], ["the caller went away", null]);
  });

  it("is kept in the journal by beginning and end, when it writes more than fits", async () => {
    const result = await sh("head -c 30000000 /dev/zero | tr '\\0' x; echo; echo the end");
    assert.equal(result.exitCode, 0);
    assert.equal(result.stdoutTruncated, true);
    const entry = await logged(result.sequence);
    const written = 30_000_000 + "\nthe end\n".length;
    assert.equal(entry.stdoutBytes, written);
    assert.equal(entry.stdoutDroppedBytes, written - 9 * mib);
    assert.equal(entry.stdout.length, 9 * mib);
    assert.match(entry.stdout.slice(0, 8 * mib), /^x+$/);
    assert.ok(entry.stdout.endsWith("x\nthe end\n"));
    assert.ok(result.stdout.endsWith("x\nthe end\n"));
    assert.ok(result.stdout.includes(" bytes left out here]"));
  });

  it("loses no byte that is not UTF-8", async () => {
    const script = "binmode STDOUT; print pack('C*', 0..255); print STDERR \"caf\\xe9\"";
    const result = await exec(["perl", "-e", script]);
    const everyByte = Buffer.from(Array.from({ length: 256 }, (_, index) => index));
    assert.deepEqual(Buffer.from(result.stdoutBase64 ?? "", "base64"), everyByte);
    assert.deepEqual(
      Buffer.from(result.stderrBase64 ?? "", "base64"),
      Buffer.from("caf\xe9", "latin1"),
    );
    assert.equal(result.stdout, everyByte.toString("utf8"));
  });

  it("runs beside others, each with its own output, code and number", async () => {
    const results = await Promise.all(
      Array.from({ length: 24 }, (_, index) =>
        sh(`for i in 1 2 3; do echo ${index}; done; exit ${index}`),
      ),
    );
    for (const [index, { stdout, exitCode }] of results.entries())
      assert.deepEqual([stdout, exitCode], [`${index}\n`.repeat(3), index]);
    assert.equal(new Set(results.map(({ sequence }) => sequence)).size, 24);
  });

  it("is in the logs, in order, whatever became of the supervisor that wrote them", async () => {
    const before = await ws.pyro.logsWorkspace(id);
    await ws.killSupervisor(id);
    assert.deepEqual(await ws.pyro.logsWorkspace(id), before);
    const next = await sh("echo after");
    assert.equal(next.sequence, (before.commands.at(-1)?.sequence ?? 0) + 1);
    const { commands } = await ws.pyro.logsWorkspace(id);
    assert.deepEqual(commands.slice(0, -1), before.commands);
    assert.deepEqual(
      commands.map(({ sequence }) => sequence),
      commands.map((_, index) => index + 1),
    );
    const [last] = (await ws.pyro.logsWorkspace(id, { last: 1 })).commands;
    assert.equal(last?.stdout, "after\n");
  });

  it("is cut off when its supervisor is killed, and the workspace lives on", async () => {
    const { said, onStdout } = saying("ready\n");
    const running = refusal(sh("echo ready; sleep 621", { onStdout, timeoutSeconds: 600 }));
    await said;
    const boot = await ws.bootId(id);
    await ws.killSupervisor(id);
    await running;
    assert.equal(await ws.bootId(id), boot, "the same machine goes on");
    const { commands } = await ws.pyro.logsWorkspace(id);
    const entry = commands.find(({ command }) => command.at(-1)?.includes("621"));
    assert.equal(entry?.interrupted, "the workspace's supervisor ended");
    await until("what it started is gone", async () => {
      return (await sh("pgrep -f 'sleep 621' || echo none")).stdout === "none\n";
    });
  });

  it("passes through the command line: streams, exit code, signals", async () => {
    const cli = (args: string[], options = {}) =>
      ws.home.pyro(["workspace", "exec", "exec", ...args], options);
    const ended = await cli(["--", "sh", "-c", "cat; echo err >&2; exit 9"], { input: "in\n" });
    assert.deepEqual([ended.stdout, ended.stderr, ended.code], ["in\n", "err\n", 9]);
    assert.equal((await cli(["--", "no-such-command"])).code, 127);
    const late = await cli(["--timeout-seconds", "1", "--", "sleep", "600"]);
    assert.deepEqual([late.stdout, late.code], ["", 124]);
    const started = ws.home.start([
      "workspace",
      "exec",
      "exec",
      "--",
      "sh",
      "-c",
      "echo ready; sleep 623",
    ]);
    await started.said("ready\n");
    started.signal("SIGINT");
    assert.equal((await started.ended).code, 130);
    await until("the command is gone", async () => {
      return (await sh("pgrep -f 'sleep 623' || echo none")).stdout === "none\n";
    });
    const { stdout } = await cli(["--json", "--", "sh", "-c", "echo a; exit 4"]);
    const result = JSON.parse(stdout);
    assert.deepEqual([result.stdout, result.exit_code, result.workspace_id], ["a\n", 4, id]);
  });
});
