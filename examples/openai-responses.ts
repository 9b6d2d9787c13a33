// A model of OpenAI's Responses API works in a pyro workspace by function calls. Plain HTTP, no package but pyro-mcp.
// OPENAI_API_KEY=… node openai-responses.ts "Why do the tests fail?"
import { Pyro, type WorkspaceExecResult } from "pyro-mcp";

const outputCharactersMax = 20_000;
const turnsMax = 30;

export const tools = [
  functionTool("vm_run", "Run a shell line in a fresh VM that is gone afterwards. No network.", {
    command: { type: "string" },
  }),
  functionTool("workspace_exec", "Run a shell line in the workspace, in /workspace.", {
    command: { type: "string" },
  }),
  functionTool("workspace_write_file", "Create or replace a text file below /workspace.", {
    path: { type: "string" },
    text: { type: "string" },
  }),
  functionTool("workspace_diff", "Show what changed in the workspace since it was created.", {}),
];

export interface SolveOptions {
  readonly pyro: Pyro;
  readonly workspaceId: string;
  readonly model: string;
  readonly apiKey: string;
  /** Default: https://api.openai.com/v1 */
  readonly baseUrl?: string;
  readonly signal?: AbortSignal;
}

/** Lets the model call the tools until it answers in words. */
export async function solve(question: string, options: SolveOptions): Promise<string> {
  const input: unknown[] = [{ role: "user", content: question }];
  for (let turn = 0; turn < turnsMax; turn++) {
    const output = await respond(input, options);
    input.push(...output);
    const calls = output.filter((item) => item.type === "function_call");
    if (calls.length === 0) return textOf(output);
    for (const { call_id, name, arguments: given } of calls)
      input.push({
        type: "function_call_output",
        call_id,
        output: await callTool(String(name), String(given), options),
      });
  }
  throw new TypeError(`No answer after ${turnsMax} turns.`);
}

/** What a tool answers; a failure is told to the model, which may do better. */
async function callTool(name: string, given: string, options: SolveOptions): Promise<string> {
  const { pyro, workspaceId, signal } = options;
  try {
    const { command = "", path = "", text = "" } = JSON.parse(given) as Record<string, string>;
    const shell = ["sh", "-c", command];
    switch (name) {
      case "vm_run":
        return shown(await pyro.runInVm({ environment: "debian:12", command: shell, signal }));
      case "workspace_exec":
        return shown(await pyro.execWorkspace(workspaceId, { command: shell, signal }));
      case "workspace_write_file":
        return JSON.stringify(await pyro.writeWorkspaceFile(workspaceId, path, { text }));
      case "workspace_diff":
        return (await pyro.diffWorkspace(workspaceId)).diff.slice(0, outputCharactersMax);
      default:
        return `There is no tool ${name}.`;
    }
  } catch (error) {
    if (signal?.aborted) throw error;
    return `failed: ${error instanceof Error ? error.message : String(error)}`;
  }
}

type Item = Readonly<Record<string, unknown>>;

async function respond(input: readonly unknown[], options: SolveOptions): Promise<Item[]> {
  const { model, apiKey, baseUrl = "https://api.openai.com/v1", signal = null } = options;
  const response = await fetch(`${baseUrl}/responses`, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${apiKey}` },
    body: JSON.stringify({ model, input, tools }),
    signal,
  });
  const answer = (await response.json()) as { output?: Item[]; error?: { message?: string } };
  if (answer.output !== undefined) return answer.output;
  throw new TypeError(answer.error?.message ?? `HTTP ${response.status}`);
}

function textOf(output: readonly Item[]): string {
  return output
    .flatMap(({ content }) => (Array.isArray(content) ? (content as Item[]) : []))
    .filter(({ type }) => type === "output_text")
    .map(({ text }) => String(text))
    .join("");
}

function shown(result: Pick<WorkspaceExecResult, "exitCode" | "stdout" | "stderr">): string {
  return `exit ${result.exitCode}\n${result.stdout}${result.stderr}`.slice(0, outputCharactersMax);
}

function functionTool(name: string, description: string, properties: Record<string, unknown>) {
  const required = Object.keys(properties);
  const parameters = { type: "object", properties, required, additionalProperties: false };
  return { type: "function", name, description, parameters, strict: true };
}

if (import.meta.main) {
  const { OPENAI_API_KEY: apiKey = "", OPENAI_BASE_URL: baseUrl, OPENAI_MODEL } = process.env;
  using pyro = new Pyro();
  await using workspace = await pyro.workspaces.create({ environment: "debian:12", seedPath: "." });
  const options = {
    pyro,
    workspaceId: workspace.id,
    apiKey,
    model: OPENAI_MODEL ?? "gpt-5",
    ...(baseUrl && { baseUrl }),
  };
  process.stdout.write(`${await solve(process.argv[2] ?? "What is in /workspace?", options)}\n`);
}
