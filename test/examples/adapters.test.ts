import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it, test } from "node:test";
import { promisify } from "node:util";
import { z } from "zod";
import type { Pyro } from "../../src/index.ts";
import { repository } from "../support/home.ts";
import { TestWorkspaces } from "../support/workspaces.ts";
import { JsonServer } from "./support/json-server.ts";

const examples = join(repository, "examples");

/** An example's module; they are written against the package, not against this checkout. */
const load = async <T>(name: string) => (await import(join(examples, `${name}.ts`))) as T;

/** A call as the Responses API hands it out. */
const functionCall = (id: string, name: string, given: unknown) => ({
  type: "function_call",
  id: `fc_${id}`,
  call_id: `call_${id}`,
  name,
  arguments: typeof given === "string" ? given : JSON.stringify(given),
  status: "completed",
});
const message = (text: string) => ({
  type: "message",
  role: "assistant",
  content: [{ type: "output_text", text, annotations: [] }],
});

/** Behaves like the Responses API: one list of output items a turn. */
function startResponses(turns: readonly (readonly unknown[])[]): Promise<JsonServer> {
  let turn = 0;
  return JsonServer.start(({ path, headers, body }) => {
    if (path !== "/v1/responses") return { status: 404, body: { error: { message: path } } };
    if (headers.authorization !== "Bearer key")
      return { status: 401, body: { error: { message: "Incorrect API key provided." } } };
    const known = (body.input as { call_id?: string; type?: string }[]).filter(
      ({ type }) => type === "function_call_output",
    );
    const asked = turns
      .slice(0, turn)
      .flat()
      .filter((item) => Object.hasOwn(item as object, "call_id"));
    if (known.length !== asked.length)
      return { status: 400, body: { error: { message: "No tool output found for a call." } } };
    return { body: { id: `resp_${turn}`, object: "response", output: turns[turn++] ?? [] } };
  });
}

test("the examples compile against the public types", async () => {
  const tsc = join(repository, "node_modules", "typescript", "bin", "tsc");
  await promisify(execFile)(process.execPath, [tsc, "--project", examples], { cwd: repository });
});

describe("in real guests", () => {
  let ws: TestWorkspaces;
  before(async () => {
    ws = await TestWorkspaces.open();
    await ws.home.pull("debian:12");
  });
  after(() => ws[Symbol.asyncDispose]());

  it("the Responses API example runs as a program and leaves nothing", async () => {
    const project = ws.path("project");
    mkdirSync(project);
    writeFileSync(join(project, "seen.txt"), "one\n");
    await using api = await startResponses([
      [functionCall("1", "vm_run", { command: "git --version" })],
      [
        functionCall("2", "workspace_exec", { command: "cat seen.txt; exit 3" }),
        functionCall("3", "workspace_write_file", { path: "new.txt", text: "two\n" }),
        functionCall("4", "no_such_tool", {}),
        functionCall("5", "workspace_exec", "{not json"),
      ],
      [functionCall("6", "workspace_diff", {})],
      [message("All is "), message("well.")],
    ]);
    const program = [process.execPath, join(examples, "openai-responses.ts"), "Is all well?"];
    const { code, stdout, stderr } = await ws.home.startProgram(program, {
      cwd: project,
      env: { OPENAI_API_KEY: "key", OPENAI_BASE_URL: `${api.url}/v1`, OPENAI_MODEL: "stand-in" },
    }).ended;
    assert.deepEqual([code, stdout], [0, "All is well.\n"], stderr);
    const bodies = api.bodies("/v1/responses");
    const last = bodies.at(-1)?.input as { type?: string; output?: string; content?: string }[];
    assert.equal(last[0]?.content, "Is all well?");
    const outputs = last.filter(({ type }) => type === "function_call_output");
    const [version, seen, written, unknown, malformed, diff] = outputs.map(({ output }) => output);
    assert.match(String(version), /^exit 0\ngit version \d/);
    assert.equal(seen, "exit 3\none\n");
    assert.equal(JSON.parse(String(written)).created, true);
    assert.equal(unknown, "There is no tool no_such_tool.");
    assert.match(String(malformed), /^failed: /);
    assert.match(String(diff), /^\+two$/m);
    const [{ strict, parameters }] = bodies[0]!.tools as [{ strict: boolean; parameters: object }];
    assert.deepEqual(
      [strict, parameters],
      [
        true,
        {
          type: "object",
          properties: { command: { type: "string" } },
          required: ["command"],
          additionalProperties: false,
        },
      ],
    );
    await ws.assertNothingLeft();
  });

  it("the Vercel AI SDK's tools are objects it can call", async () => {
    type Tools = Record<
      string,
      {
        description: string;
        inputSchema: z.ZodObject;
        execute(input: unknown, options: { abortSignal?: AbortSignal }): Promise<unknown>;
      }
    >;
    type Module = { pyroTools(pyro: Pyro, id: string): Tools };
    const { pyroTools } = await load<Module>("vercel-ai-sdk");
    const { workspaceId } = await ws.create();
    const tools = pyroTools(ws.pyro, workspaceId);
    assert.deepEqual(Object.keys(tools), names);
    /** What the SDK does with a call of the model. */
    const call = async (name: string, given: unknown) => {
      const { inputSchema, execute } = tools[name] ?? assert.fail(name);
      assert.equal(z.toJSONSchema(inputSchema).type, "object");
      const abortSignal = new AbortController().signal;
      return await execute(inputSchema.parse(given), { abortSignal });
    };
    const printed = { exitCode: 3, stdout: "out\n", stderr: "err\n" };
    const command = "echo out; echo err >&2; exit 3";
    assert.deepEqual(await call("vm_run", { command }), printed);
    assert.deepEqual(await call("workspace_exec", { command, timeoutSeconds: 20 }), printed);
    await call("workspace_write_file", { path: "a.txt", text: "a\n" });
    assert.match(String(await call("workspace_diff", {})), /^\+a$/m);
    await ws.assertNothingLeft();
  });

  it("LangChain's tools are made by its own function", async () => {
    type Run = (input: unknown, config: { signal?: AbortSignal }) => Promise<string>;
    type Fields = { name: string; description: string; schema: z.ZodObject };
    /** As the package's: checks the input, calls, and hands the run's configuration on. */
    const tool = (run: Run, { name, schema }: Fields) => ({
      name,
      invoke: (given: unknown) => run(schema.parse(given), {}),
    });
    type Module = {
      pyroTools(make: typeof tool, pyro: Pyro, id: string): readonly ReturnType<typeof tool>[];
    };
    const { pyroTools } = await load<Module>("langchain");
    const { workspaceId } = await ws.create();
    const tools = pyroTools(tool, ws.pyro, workspaceId);
    assert.deepEqual(
      tools.map(({ name }) => name),
      names,
    );
    const invoke = (name: string, given: unknown) =>
      tools.find((one) => one.name === name)?.invoke(given);
    assert.equal(await invoke("vm_run", { command: "echo out; exit 3" }), "exit 3\nout\n");
    assert.equal(await invoke("workspace_exec", { command: "pwd" }), "exit 0\n/workspace\n");
    await invoke("workspace_write_file", { path: "a.txt", text: "a\n" });
    assert.match(String(await invoke("workspace_diff", {})), /^\+a$/m);
    await ws.assertNothingLeft();
  });
});

const names = ["vm_run", "workspace_exec", "workspace_write_file", "workspace_diff"];

test("an API that refuses is quoted", async () => {
  type Module = { solve(question: string, options: object): Promise<string> };
  const { solve } = await load<Module>("openai-responses");
  await using api = await startResponses([]);
  const options = {
    pyro: {},
    workspaceId: "x",
    model: "m",
    apiKey: "wrong",
    baseUrl: `${api.url}/v1`,
  };
  await assert.rejects(solve("?", options), /Incorrect API key provided/);
});
