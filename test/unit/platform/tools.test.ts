import assert from "node:assert/strict";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { PyroError } from "../../../src/index.ts";
import { runTool, startTool } from "../../../src/platform/tools.ts";
import { until } from "../../support/until.ts";

const options = { packageName: "a-package" };

test("a program's output comes back", async () => {
  assert.equal(await runTool("printf", ["%s|", "a b", "$HOME"], options), "a b|$HOME|");
});

test("a missing program is named, with its package", async () => {
  await assert.rejects(
    runTool("pyro-has-no-such-tool", [], options),
    new PyroError("host_tool_missing", "pyro-has-no-such-tool is not installed.", {
      hint: "Install it: sudo apt-get install a-package",
    }),
  );
});

test("a failure quotes the program's last words, made harmless", async () => {
  const script = "echo one >&2; printf 'two\\033]0;title\\007\\n' >&2; exit 3";
  await assert.rejects(runTool("sh", ["-c", script], options), {
    code: "host_tool_failed",
    message: "sh ended with code 3: one | two\\x1b]0;title\\x07",
  });
  await assert.rejects(runTool("sh", ["-c", "kill -9 $$"], options), {
    message: "sh was ended by SIGKILL: it said nothing",
  });
});

test("a flood of complaints is not collected for ever", async () => {
  const script = "yes complaint | head -c 5000000 >&2; echo last >&2; exit 1";
  await assert.rejects(runTool("sh", ["-c", script], options), {
    message: "sh ended with code 1: complaint | complaint | last",
  });
});

test("an aborted signal ends the program, with the caller's reason", async () => {
  const work = new AbortController();
  const tool = startTool("sleep", ["600"], { ...options, signal: work.signal });
  const reason = new PyroError("cancelled", "enough");
  work.abort(reason);
  await assert.rejects(tool.done, reason);
});

/** Starts a shell whose child waits for a reader that never comes, and which cleans up for so long once that was ended. */
async function startGroup(t: TestContext, cleanupSeconds: number) {
  const directory = mkdtempSync(join(tmpdir(), "pyro-test-"));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const file = join(directory, "cleaned up");
  // It may have begun already when the signal comes: its child has ended with the reader.
  const clean = `trap "" TERM; sleep ${cleanupSeconds}; echo complaint >&2; touch "$1"`;
  const work = new AbortController();
  const script = `trap : TERM; yes | cat & wait; wait; ${clean}; exit 1`;
  const tool = startTool("sh", ["-c", script, "sh", file], {
    ...options,
    signal: work.signal,
    ownGroup: true,
  });
  await once(tool.stdout, "readable");
  const reason = new PyroError("cancelled", "enough");
  work.abort(reason);
  await assert.rejects(tool.done, reason);
  return file;
}

test("an aborted signal ends all of a group whose leader ignores it, and waits for its clean-up", async (t) => {
  assert.equal(existsSync(await startGroup(t, 0.1)), true);
});

test("a clean-up that takes long goes on without anybody who waits, and is completed", async (t) => {
  const file = await startGroup(t, 4);
  assert.equal(existsSync(file), false);
  await until("it has cleaned up", () => existsSync(file));
});

test("a missing program is named where another one starts it, too", async () => {
  const within = ["sh", "-c", 'exec "$@"', "sh"];
  await assert.rejects(runTool("pyro-has-no-such-tool", [], { ...options, within }), {
    code: "host_tool_missing",
    message: "pyro-has-no-such-tool is not installed.",
  });
});

test("each line of its complaints is told as it comes", async () => {
  const lines: string[] = [];
  await runTool("sh", ["-c", "printf 'a\\nb\\nunfinished' >&2"], {
    ...options,
    onLine: (line) => lines.push(line),
  });
  assert.deepEqual(lines, ["a", "b"]);
});
