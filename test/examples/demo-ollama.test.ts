import assert from "node:assert/strict";
import { test } from "node:test";
import { type Pyro, PyroError } from "../../src/index.ts";
import { pyroCommand } from "../cli/support/terminal.ts";
import { PyroHome } from "../support/home.ts";
import { type StandInOptions, startOllama, wants } from "./support/ollama.ts";

const words = { role: "assistant", content: "It is Git 2.39.5." };
const call = wants("vm_run", { command: "git --version" });

type RunOptions = NonNullable<Parameters<Pyro["runInVm"]>[0]>;

/** An SDK whose guest prints a version, and what it was asked. */
function openPyro(failure?: PyroError): { pyro: Pyro; calls: RunOptions[] } {
  const calls: RunOptions[] = [];
  const runInVm = async (options: RunOptions) => {
    calls.push(options);
    if (failure !== undefined) throw failure;
    options.onStdout?.(Buffer.from("git version 2.39.5\n"));
    const ending = { signal: null, timedOut: false, outOfMemory: false, notStarted: null };
    return { exitCode: 0, durationMs: 12, deniedConnections: [], ...ending };
  };
  return { pyro: { runInVm, [Symbol.dispose]: () => undefined } as unknown as Pyro, calls };
}

async function demo(options: StandInOptions, args: readonly string[] = [], given = openPyro()) {
  await using ollama = await startOllama(options);
  const line = ["demo", "ollama", "--host", ollama.url, ...args];
  const ended = await pyroCommand(line, { pyro: given.pyro });
  return { ...ended, ollama, calls: given.calls };
}

test("a model calls vm_run, is told what came of it, and answers", async () => {
  const { code, stdout, stderr, ollama, calls } = await demo({ turns: [call, words] });
  assert.deepEqual([code, stderr], [0, ""]);
  const shown = stdout
    .replace(ollama.url, "URL")
    .replaceAll(/untrusted [0-9a-f]{8}/g, "untrusted MARK")
    .replace(/[\d.]+ s in all/, "N s in all")
    .replace(/^ask .*$/m, "ask     …");
  assert.equal(
    shown,
    `ollama  URL, model small:1b
ask     …
call    vm_run {"command":"git --version"}
result  exit 0 · 12 ms · 1 line
        <untrusted MARK>
        git version 2.39.5
        </untrusted MARK>
answer  It is Git 2.39.5.
pyro works with small:1b: 1 call of vm_run answered by a guest, N s in all.
`,
  );
  assert.deepEqual(
    calls.map(({ command, environment }) => [command, environment]),
    [[["sh", "-c", "git --version"], "debian:12"]],
  );
  const [first, second] = ollama.bodies("/api/chat") as {
    tools: { function: { name: string; parameters: { required: string[] } } }[];
    messages: Record<string, unknown>[];
  }[];
  assert.equal(first?.tools[0]?.function.name, "vm_run");
  assert.deepEqual(first?.tools[0]?.function.parameters.required, ["command"]);
  assert.deepEqual(
    second?.messages.map(({ role, tool_name }) => [role, tool_name]),
    [
      ["user", undefined],
      ["assistant", undefined],
      ["tool", "vm_run"],
    ],
  );
  assert.match(String(second?.messages[2]?.content), /^exit 0 · .*git version 2\.39\.5/s);
});

test("a model's mistakes are told to the model, which may do better", async () => {
  const turns = [
    wants("run_python", {}),
    wants("vm_run", { comand: "git" }),
    wants("vm_run", '{"command":["git","--version"]}'),
    words,
  ];
  const { code, stdout, ollama } = await demo({ turns });
  assert.equal(code, 0);
  assert.match(stdout, /: 1 call of vm_run answered by a guest/);
  const messages = ollama.bodies("/api/chat").at(-1)?.messages as { content: string }[];
  assert.match(String(messages[2]?.content), /^There is no tool of this name\. Call vm_run\.$/);
  assert.match(String(messages[4]?.content), /^invalid_argument: .*did you mean command\?/);
});

test("without --model, the first that can call tools is taken", async () => {
  const models = { "old:1b": ["completion"], "good:4b": ["completion", "tools"] };
  const { stdout } = await demo({ models, turns: [call, words] });
  assert.match(stdout, /^ollama .*, model good:4b$/m);
});

const refusals: readonly (readonly [
  what: string,
  options: StandInOptions,
  args: readonly string[],
  stderr: RegExp,
])[] = [
  [
    "a model that is not there",
    {},
    ["--model", "gone:1b"],
    /^error: Ollama has no model "gone:1b"\.\nhint: Run: ollama pull gone:1b\n$/,
  ],
  [
    "a model without tools",
    { models: { "old:1b": ["completion"] } },
    ["--model", "old:1b"],
    /^error: The model "old:1b" cannot call tools\.\nhint: .*ollama pull qwen3:4b/,
  ],
  [
    "a model without tools, of an Ollama that says so late",
    { models: { "old:1b": undefined } },
    ["--model", "old:1b"],
    /^error: The model "old:1b" cannot call tools\.\nhint: /,
  ],
  [
    "no model at all",
    { models: {} },
    [],
    /^error: Ollama has no model yet\.\nhint: Run: ollama pull/,
  ],
  [
    "a model that only talks",
    { turns: [words] },
    [],
    /^error: The model "small:1b" never ran a command by vm_run\.\nhint: .*--model/,
  ],
  [
    "a model that never stops",
    { turns: [call] },
    [],
    /^error: The model "small:1b" never came to an answer\./,
  ],
  [
    "a server that is not Ollama",
    { instead: () => ({ body: "<html>hello</html>" }) },
    [],
    /^error: .* answers \/api\/tags with: HTTP 200\.\nhint: Is it Ollama/,
  ],
  [
    "a redirect",
    { instead: () => ({ status: 302, headers: { location: "http://192.0.2.1/" }, body: "" }) },
    [],
    /^error: Ollama does not answer at .*redirect/,
  ],
];
for (const [what, options, args, expected] of refusals)
  test(`${what} is said with the next step`, async () => {
    const { code, stderr } = await demo(options, args);
    assert.notEqual(code, 0);
    assert.match(stderr, expected);
  });

test("an Ollama that does not run is said with the next step", async () => {
  const { url } = await startOllama().then(async (ollama) => {
    await ollama[Symbol.asyncDispose]();
    return ollama;
  });
  const { code, stdout, stderr } = await pyroCommand(["demo", "ollama", "--host", url]);
  assert.deepEqual([code, stdout], [1, ""]);
  assert.match(
    stderr,
    /^error: Ollama does not answer at .*ECONNREFUSED.*\nhint: Start it with: ollama serve/,
  );
});

test("only this machine is talked to unless --allow-remote says otherwise", async () => {
  for (const host of ["http://192.0.2.1:11434", "models.example", "http://127.0.0.1.example:1"]) {
    const { code, stderr } = await pyroCommand(["demo", "ollama", "--host", host]);
    assert.equal(code, 2);
    assert.match(stderr, /is not this machine\.\nhint: .*--allow-remote/);
  }
  for (const host of ["file:///etc/passwd", "http://user@127.0.0.1:1", "http://["]) {
    const { code, stderr } = await pyroCommand(["demo", "ollama", "--host", host]);
    assert.equal(code, 2);
    assert.match(stderr, /is no URL of Ollama/);
  }
});

test("a failure of pyro ends the demo, and the model's words cannot drive the terminal", async () => {
  const broken = openPyro(
    new PyroError("virtualization_unavailable", "No guest can run.", { hint: "pyro doctor" }),
  );
  const turns = [wants("vm_run", { command: "\u001b[2Jtrue" })];
  const { code, stdout, stderr } = await demo({ turns }, [], broken);
  assert.equal(code, 1);
  assert.match(stderr, /^error: No guest can run\.\nhint: pyro doctor\n$/);
  assert.ok(!stdout.includes("\u001b"));
});

test("in a real guest", async () => {
  await using home = await PyroHome.warm("debian:12");
  await using ollama = await startOllama({ turns: [call, words] });
  const { code, stdout, stderr } = await home.pyro(["demo", "ollama", "--host", ollama.url]);
  assert.equal(code, 0, stderr);
  assert.match(stdout, /^ {8}git version \d/m);
  assert.match(stdout, /\npyro works with small:1b: 1 call of vm_run answered by a guest, .*\n$/);
  await home.assertNothingLeft();
});
