import { isIP } from "node:net";
import { asPyroError, PyroError, visibleText } from "../../index.ts";

/** A model on a slow processor thinks for minutes; the connection itself waits no longer than this. */
const answerTimeoutMs = 300_000;
const answerBytesMax = 8 * 1024 * 1024;

/** A message of Ollama's chat API. */
export interface ChatMessage {
  readonly role: "user" | "assistant" | "tool";
  readonly content: string;
  /** What the model wants to have called. */
  readonly tool_calls?: readonly ToolCall[];
  /** The tool whose answer `content` is. */
  readonly tool_name?: string;
}

export interface ToolCall {
  readonly function: { readonly name: string; readonly arguments: unknown };
}

export interface ChatTool {
  readonly type: "function";
  readonly function: {
    readonly name: string;
    readonly description: string;
    readonly parameters: Readonly<Record<string, unknown>>;
  };
}

/** Ollama's API, as far as the demo needs it. Answers come whole, not as a stream. */
export class OllamaClient {
  readonly url: string;
  readonly #signal: AbortSignal;

  /** Throws `invalid_argument` for a URL that is none, or that leads off this machine unless `allowRemote`. */
  constructor(
    host: string,
    { allowRemote, signal }: { allowRemote: boolean; signal: AbortSignal },
  ) {
    this.url = baseUrl(host, allowRemote);
    this.#signal = signal;
  }

  /** Names of the models that are there, the latest first. */
  async models(): Promise<readonly string[]> {
    const { models } = await this.#ask("/api/tags");
    if (!Array.isArray(models)) throw this.#strange("lists no models");
    return models.map((model: { name?: unknown }) => String(model?.name));
  }

  /** Whether `model` can call tools; true when this Ollama does not say. */
  async hasTools(model: string): Promise<boolean> {
    const { capabilities } = await this.#ask("/api/show", { model });
    return !Array.isArray(capabilities) || capabilities.includes("tools");
  }

  async chat(
    model: string,
    messages: readonly ChatMessage[],
    tools: readonly ChatTool[],
  ): Promise<ChatMessage> {
    const { message } = await this.#ask("/api/chat", { model, messages, tools, stream: false });
    const answer = message as Partial<ChatMessage> | null | undefined;
    if (typeof answer?.content !== "string") throw this.#strange("answers without a message");
    const calls = Array.isArray(answer.tool_calls) ? answer.tool_calls : [];
    return {
      role: "assistant",
      content: answer.content,
      ...(calls.length > 0 && { tool_calls: calls }),
    };
  }

  async #ask(path: string, body?: Readonly<Record<string, unknown>>): Promise<Answer> {
    const { status, text } = await this.#send(path, body);
    const answer = parse(text);
    if (status === 200 && answer !== undefined) return answer;
    const said = typeof answer?.error === "string" ? answer.error : `HTTP ${status}`;
    const model = String(body?.model);
    if (status === 404 && body !== undefined)
      throw new PyroError("invalid_argument", `Ollama has no model "${visibleText(model)}".`, {
        hint: `Run: ollama pull ${visibleText(model)}`,
      });
    if (/does not support tools/i.test(said)) throw withoutTools(model);
    throw this.#strange(`answers ${path} with: ${visibleText(said)}`);
  }

  async #send(
    path: string,
    body: Readonly<Record<string, unknown>> | undefined,
  ): Promise<{ status: number; text: string }> {
    try {
      const response = await fetch(`${this.url}${path}`, {
        // A redirect could lead off this machine.
        redirect: "error",
        signal: AbortSignal.any([this.#signal, AbortSignal.timeout(answerTimeoutMs)]),
        ...(body !== undefined && {
          method: "POST",
          headers: { "content-type": "application/json" },
          body: JSON.stringify(body),
        }),
      });
      return { status: response.status, text: await limitedText(response) };
    } catch (error) {
      if (this.#signal.aborted) throw asPyroError(this.#signal.reason);
      if (error instanceof PyroError) throw error;
      throw this.#unreachable(error);
    }
  }

  #unreachable(error: unknown): PyroError {
    const { message, cause } = error as Error;
    const why = cause instanceof Error && cause.message !== "" ? cause.message : message;
    return new PyroError(
      "host_program_failed",
      `Ollama does not answer at ${this.url}: ${visibleText(why)}.`,
      { hint: "Start it with: ollama serve; or name another place with --host URL", cause: error },
    );
  }

  #strange(what: string): PyroError {
    return new PyroError("host_program_failed", `${this.url} ${what}.`, {
      hint: "Is it Ollama that listens there? Its log has more: ollama serve",
    });
  }
}

export function withoutTools(model: string): PyroError {
  return new PyroError("invalid_argument", `The model "${visibleText(model)}" cannot call tools.`, {
    hint: "Take one that can, for example: ollama pull qwen3:4b, then --model qwen3:4b",
  });
}

type Answer = Readonly<Record<string, unknown>>;

function parse(text: string): Answer | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as Answer) : undefined;
  } catch {
    return undefined;
  }
}

async function limitedText(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    size += chunk.length;
    if (size > answerBytesMax)
      throw new PyroError("host_program_failed", "Ollama's answer has no end.");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

function baseUrl(host: string, allowRemote: boolean): string {
  const url = URL.parse(host.includes("://") ? host : `http://${host}`);
  const isHttp = url?.protocol === "http:" || url?.protocol === "https:";
  if (url === null || !isHttp || url.username !== "" || url.search !== "")
    throw new PyroError("invalid_argument", `"${visibleText(host)}" is no URL of Ollama.`, {
      hint: "Give one such as http://127.0.0.1:11434",
    });
  if (!allowRemote && !isLoopback(url.hostname))
    throw new PyroError("invalid_argument", `${visibleText(url.host)} is not this machine.`, {
      hint: "Forward its port here (ssh -L 11434:127.0.0.1:11434 HOST), or add --allow-remote",
    });
  return `${url.origin}${url.pathname.replace(/\/+$/, "")}`;
}

function isLoopback(hostname: string): boolean {
  const isLoopbackV4 = isIP(hostname) === 4 && hostname.startsWith("127.");
  return hostname === "localhost" || hostname === "[::1]" || isLoopbackV4;
}
