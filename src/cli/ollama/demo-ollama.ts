import { asPyroError, type Pyro, PyroError, visibleText } from "../../index.ts";
import { errorText } from "../../mcp/answers/error-answer.ts";
import { callAlone } from "../../mcp/call-alone.ts";
import { inputDocument, parseInput } from "../../mcp/tool-input.ts";
import { vmRun } from "../../mcp/tools/run-tools.ts";
import type { CommandContext } from "../context.ts";
import { watchInterrupts } from "../interrupt.ts";
import { printLine } from "../printer.ts";
import {
  type ChatMessage,
  type ChatTool,
  OllamaClient,
  type ToolCall,
  withoutTools,
} from "./ollama-client.ts";

const question =
  "Which Git version does the sandbox have? Call the vm_run tool with the command: git --version. Then answer in one sentence.";

/** A model that has not answered after so many turns goes in circles. */
const turnsMax = 6;
const callsPerTurnMax = 4;
const shownCharactersMax = 2_000;

export interface OllamaOptions {
  readonly model?: string;
  readonly host: string;
  readonly allowRemote: boolean;
}

/** Asks a model something that only a command in a guest can answer, and shows the conversation. */
export async function demoOllama(context: CommandContext, options: OllamaOptions): Promise<void> {
  const { io } = context;
  const began = performance.now();
  using interrupt = watchInterrupts();
  const { signal } = interrupt;
  const ollama = new OllamaClient(options.host, { allowRemote: options.allowRemote, signal });
  const model = await chooseModel(ollama, options.model);
  const say = (label: string, text: string) =>
    printLine(
      io,
      `${label.padEnd(8)}${visibleText(text, shownCharactersMax, "lines").trimEnd().replaceAll("\n", "\n        ")}`,
    );
  say("ollama", `${ollama.url}, model ${model}`);
  say("ask", question);
  using pyro = context.openPyro();
  const sandbox = new Sandbox(pyro, { signal, say });
  const answer = await converse(ollama, model, sandbox);
  say("answer", answer);
  const calls = sandbox.runCount === 1 ? "1 call" : `${sandbox.runCount} calls`;
  const seconds = ((performance.now() - began) / 1000).toFixed(1);
  printLine(
    io,
    `pyro works with ${visibleText(model)}: ${calls} of vm_run answered by a guest, ${seconds} s in all.`,
  );
}

async function chooseModel(ollama: OllamaClient, wanted: string | undefined): Promise<string> {
  if (wanted !== undefined) {
    if (await ollama.hasTools(wanted)) return wanted;
    throw withoutTools(wanted);
  }
  const models = await ollama.models();
  for (const model of models) if (await ollama.hasTools(model)) return model;
  const what = models.length === 0 ? "Ollama has no model yet." : "No model here can call tools.";
  throw new PyroError("invalid_argument", what, { hint: "Run: ollama pull qwen3:4b" });
}

/** Asks until the model answers in words, calling the tool for it in between. */
async function converse(ollama: OllamaClient, model: string, sandbox: Sandbox): Promise<string> {
  const messages: ChatMessage[] = [{ role: "user", content: question }];
  for (let turn = 0; turn < turnsMax; turn++) {
    const message = await ollama.chat(model, messages, [sandbox.tool]);
    messages.push(message);
    const calls = message.tool_calls ?? [];
    if (calls.length === 0 && sandbox.runCount > 0) return message.content;
    if (calls.length === 0) break;
    for (const call of calls.slice(0, callsPerTurnMax)) messages.push(await sandbox.answer(call));
  }
  const why = sandbox.runCount > 0 ? "never came to an answer" : "never ran a command by vm_run";
  throw new PyroError("host_program_failed", `The model "${visibleText(model)}" ${why}.`, {
    hint: "Small models often fail at this: try again, or a larger one with --model",
  });
}

interface SandboxOptions {
  readonly signal: AbortSignal;
  say(label: string, text: string): void;
}

/** The tool `vm_run`, as the MCP server has it, for a model that speaks another protocol. */
class Sandbox {
  readonly tool: ChatTool = {
    type: "function",
    function: {
      name: vmRun.name,
      description: vmRun.description,
      parameters: inputDocument(vmRun),
    },
  };
  /** Commands that a guest ran. */
  runCount = 0;
  readonly #pyro: Pyro;
  readonly #options: SandboxOptions;

  constructor(pyro: Pyro, options: SandboxOptions) {
    this.#pyro = pyro;
    this.#options = options;
  }

  async answer({ function: wanted }: ToolCall): Promise<ChatMessage> {
    const { say } = this.#options;
    const name = String(wanted?.name);
    say("call", `${name} ${JSON.stringify(wanted?.arguments)}`);
    const content = await this.#run(name, wanted?.arguments);
    say("result", content);
    return { role: "tool", tool_name: name, content };
  }

  /** What the model is told; a mistake of its own is told to it, too. */
  async #run(name: string, given: unknown): Promise<string> {
    const { signal, say } = this.#options;
    if (name !== vmRun.name) return `There is no tool of this name. Call ${vmRun.name}.`;
    try {
      const call = callAlone(this.#pyro, { signal, report: (step) => say("", step) });
      const { text } = await vmRun.run(parseInput(vmRun, argumentsOf(given)), call);
      this.runCount++;
      return text;
    } catch (error) {
      const failure = asPyroError(error);
      if (failure.code !== "invalid_argument") throw failure;
      return errorText(failure, {
        tool: vmRun.name,
        argumentNames: Object.keys(vmRun.input.shape),
      });
    }
  }
}

/** Some models write their arguments as text. */
function argumentsOf(given: unknown): unknown {
  if (typeof given !== "string") return given;
  try {
    return JSON.parse(given);
  } catch {
    return given;
  }
}
