import assert from "node:assert/strict";
import { test } from "node:test";
import type { Command } from "commander";
import { buildProgram } from "../../src/cli/program.ts";
import { errorCodes, Pyro } from "../../src/index.ts";
import { openTerminal, pyroCommand } from "./support/terminal.ts";

const pyro = (...args: string[]) => pyroCommand(args);

function withChildren(command: Command): readonly Command[] {
  return [command, ...command.commands.flatMap(withChildren)];
}

test("every command's help says what it does and has two examples of itself", () => {
  const { io } = openTerminal();
  const program = buildProgram({ io, openPyro: () => new Pyro(), exit: () => undefined });
  const commands = withChildren(program);
  assert.ok(commands.length > 30, String(commands.length));
  for (const command of commands) {
    let text = "";
    command.configureOutput({
      writeOut: (part) => {
        text += part;
      },
    });
    command.outputHelp();
    assert.match(command.description(), /^[A-Z]/, command.name());
    assert.doesNotMatch(text, /default: false/, command.name());
    for (const { description } of command.registeredArguments)
      assert.notEqual(description, "", `an argument of ${command.name()}`);
    assert.match(text, /\nExamples:\n {2}.*pyro .*\n {2}.*pyro .*\n?$/, command.name());
    const examples = text.slice(text.indexOf("\nExamples:"));
    assert.ok(examples.includes(command.name()), `${command.name()}: ${examples}`);
    for (const line of text.split("\n")) assert.ok(line.length <= 90, `${command.name()}: ${line}`);
  }
});

test("wrong usage ends with 2 and the nearest command", async () => {
  assert.deepEqual(await pyro("docter"), {
    code: 2,
    stdout: "",
    stderr: "error: Unknown command 'docter'\n(Did you mean doctor?)\n",
  });
  const missing = await pyro("run");
  assert.equal(missing.code, 2);
  assert.match(missing.stderr, /missing required argument 'environment'/i);
  const text = await pyro("run", "--mem-mib", "lots", "debian:12", "--", "true");
  assert.equal(text.code, 2);
  assert.match(text.stderr, /"lots" is not a whole number/);
});

test("an unknown environment suggests the nearest and never starts anything", async () => {
  const known = "debian:12, debian:12-base, debian:12-build, debian:13";
  const stderr = `error: There is no environment "debain:12".\nhint: Did you mean debian:12? Known: ${known}, or any image reference with a "/", such as docker.io/library/python:3.12.\n`;
  assert.deepEqual(await pyro("env", "inspect", "debain:12"), { code: 2, stdout: "", stderr });
});

test("impossible sizes are refused by name before the host is touched", async () => {
  const cpu = await pyro("run", "--vcpu-count", "999", "debian:12", "--", "true");
  assert.deepEqual(cpu, {
    code: 125,
    stdout: "",
    stderr: "error: --vcpu-count is 999, but must be a whole number from 1 to 64.\n",
  });
  const empty = await pyro("run", "debian:12", "--", "");
  assert.equal(empty.code, 125);
  assert.match(empty.stderr, /^error: The command is empty\.\nhint: Name a program after --/);
});

test("with --json a failure is one JSON object on stdout, and stderr is silent", async () => {
  const ended = await pyro("env", "inspect", "--json", "debain:12");
  assert.equal(ended.stderr, "");
  const { error } = JSON.parse(ended.stdout);
  assert.equal(error.code, "environment_not_found");
  assert.ok(error.code in errorCodes);
  assert.match(error.hint, /debian:12/);
});

test("hosts without a network are refused, not ignored", async () => {
  for (const option of [
    "--allow-host=a.example",
    "--deny-host=a.example",
    "--network-preset=open",
  ]) {
    const ended = await pyro("run", option, "debian:12", "--", "true");
    assert.equal(ended.code, 125);
    assert.match(ended.stderr, /^error: Hosts or a preset .*\nhint: Add --network to run/);
  }
  const ended = await pyro(
    "run",
    "--network",
    "--allow-host=a.example:0",
    "debian:12",
    "--",
    "true",
  );
  assert.match(ended.stderr, /^error: The network rule "a\.example:0" has "0" for a port/);
});
