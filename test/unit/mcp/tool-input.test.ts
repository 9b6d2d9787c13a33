import assert from "node:assert/strict";
import { test } from "node:test";
import { errorText } from "../../../src/mcp/answers/error-answer.ts";
import { parseInput } from "../../../src/mcp/tool-input.ts";
import { vmRun } from "../../../src/mcp/tools/run-tools.ts";
import { workspaceExec } from "../../../src/mcp/tools/workspace-exec.ts";
import { asPyroError } from "../../../src/model/errors.ts";

function refusal(tool: typeof vmRun | typeof workspaceExec, given: unknown): string {
  try {
    parseInput(tool, given);
  } catch (error) {
    const call = { tool: tool.name, argumentNames: Object.keys(tool.input.shape) };
    return errorText(asPyroError(error), call);
  }
  return "";
}

test("null for an optional argument is as if it were absent", () => {
  const given = { command: "true", mem_mib: null, timeout_seconds: null, environment: null };
  assert.deepEqual(parseInput(vmRun, given), parseInput(vmRun, { command: "true" }));
  assert.match(refusal(vmRun, null), /^invalid_argument: vm_run: command is missing/);
  assert.match(refusal(vmRun, { command: null }), /command is missing/);
});

test("values written as JSON text are what they mean", () => {
  assert.deepEqual(parseInput(vmRun, { command: '["echo","hi"]' }).command, ["echo", "hi"]);
  assert.equal(parseInput(vmRun, { command: "true", mem_mib: "512" }).mem_mib, 512);
  const given = {
    workspace_id: "5",
    command: "[ -f x ]",
    env: '{"A":"b"}',
    timeout_seconds: "7.5",
  };
  const { workspace_id, command, env, timeout_seconds } = parseInput(workspaceExec, given);
  assert.deepEqual(
    [workspace_id, command, env, timeout_seconds],
    ["5", "[ -f x ]", { A: "b" }, 7.5],
  );
  assert.equal(parseInput(vmRun, '{"command":"true"}').command, "true");
});

test("text that is what it says stays text", () => {
  for (const command of ["5", "true", "null", '"quoted"', "{}", "[]", "[1]", '["a"', "[ a ]"])
    assert.equal(parseInput(vmRun, { command }).command, command);
});

test("what is wrong is shown with what it must look like", () => {
  const cases = [
    [{ command: "true", mem_mib: "much" }, 'mem_mib must be a number, such as 30, but is "much"'],
    [{ command: 5 }, "command: must be a shell line, or a list of program and arguments"],
    [
      { command: "true", environment: ["a"] },
      'environment must be text, such as "src/main.py", but is ["a"]',
    ],
  ] as const;
  for (const [given, words] of cases)
    assert.ok(
      refusal(vmRun, given).startsWith(`invalid_argument: vm_run: ${words}`),
      refusal(vmRun, given),
    );
  const env = { workspace_id: "w", command: "true", env: "A=b" };
  assert.match(
    refusal(workspaceExec, env),
    /env must be a map, such as \{"name": "value"\}, but is "A=b"/,
  );
});

test("an argument that does not exist is named as it was sent", () => {
  const text = refusal(vmRun, { command: "true", timeoutSeconds: 5 });
  assert.match(text, /there is no argument "timeoutSeconds", did you mean timeout_seconds\?/);
});
