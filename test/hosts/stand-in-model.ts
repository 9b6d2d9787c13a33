import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** A call the model makes. */
export interface PlannedCall {
  readonly tool: string;
  readonly input: Readonly<Record<string, unknown>>;
}

/** A request that offered tools: what the model was shown. */
export interface Shown {
  readonly path: string;
  /** What came back from each call so far, as the model sees it. */
  readonly results: readonly string[];
  readonly tools: string;
}

// biome-ignore lint/suspicious/noExplicitAny: three vendors' request bodies
type Body = any;

/** Speaks the three model protocols on the loopback interface and makes the planned calls one after another. */
export class StandInModel implements AsyncDisposable {
  readonly shown: Shown[] = [];
  readonly #server: Server;
  readonly #plan: readonly PlannedCall[];

  private constructor(plan: readonly PlannedCall[]) {
    this.#plan = plan;
    this.#server = createServer((request, response) => void this.#answer(request, response));
  }

  static async start(plan: readonly PlannedCall[]): Promise<StandInModel> {
    const model = new StandInModel(plan);
    await new Promise<void>((ready) => model.#server.listen(0, "127.0.0.1", ready));
    return model;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** What the model was shown at the end of its work. */
  get results(): readonly string[] {
    return this.shown.at(-1)?.results ?? [];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((closed) => this.#server.close(closed));
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const path = request.url?.split("?")[0] ?? "";
    const protocol = protocols[path];
    if (protocol === undefined || request.method !== "POST") {
      response.writeHead(404, { "content-type": "application/json" }).end("{}");
      return;
    }
    const body: Body = JSON.parse(String(Buffer.concat(chunks)) || "{}");
    const results = protocol.results(body);
    const call = body.tools?.length > 0 ? this.#plan[results.length] : undefined;
    if (body.tools?.length > 0)
      this.shown.push({ path, results, tools: JSON.stringify(body.tools) });
    response.writeHead(200, { "content-type": "text/event-stream" });
    for (const event of protocol.events(body, call && { ...call, id: `call_${results.length}` }))
      response.write(
        typeof event === "string"
          ? `data: ${event}\n\n`
          : `${event.type ? `event: ${event.type}\n` : ""}data: ${JSON.stringify(event)}\n\n`,
      );
    response.end();
  }
}

interface Protocol {
  results(body: Body): string[];
  events(body: Body, call: (PlannedCall & { id: string }) | undefined): (string | Body)[];
}

const textOf = (content: Body): string =>
  typeof content === "string"
    ? content
    : (content ?? []).map((part: Body) => part.text ?? JSON.stringify(part)).join("\n");

/** The tool as this agent offers it. */
function offered(tools: Body[], tool: string): { name: string; namespace?: string } {
  for (const one of tools) {
    const name = one.name ?? one.function?.name ?? "";
    if (one.tools?.some((inner: Body) => inner.name === tool))
      return { name: tool, namespace: name };
    if (name === tool || name.endsWith(`_${tool}`)) return { name };
  }
  return { name: tool };
}

const messages: Protocol = {
  results: (body) =>
    body.messages
      .flatMap((message: Body) => (Array.isArray(message.content) ? message.content : []))
      .filter((part: Body) => part.type === "tool_result")
      .map((part: Body) => textOf(part.content)),
  events: (body, call) => {
    const start =
      call === undefined
        ? { type: "text", text: "" }
        : { type: "tool_use", id: call.id, name: offered(body.tools, call.tool).name, input: {} };
    const delta =
      call === undefined
        ? { type: "text_delta", text: "done" }
        : { type: "input_json_delta", partial_json: JSON.stringify(call.input) };
    const usage = { input_tokens: 1, output_tokens: 1 };
    const message = { id: "m", type: "message", role: "assistant", model: body.model, usage };
    return [
      { type: "message_start", message: { ...message, content: [], stop_reason: null } },
      { type: "content_block_start", index: 0, content_block: start },
      { type: "content_block_delta", index: 0, delta },
      { type: "content_block_stop", index: 0 },
      { type: "message_delta", delta: { stop_reason: call ? "tool_use" : "end_turn" }, usage },
      { type: "message_stop" },
    ];
  },
};

const responses: Protocol = {
  results: (body) =>
    body.input
      .filter((item: Body) => item.type === "function_call_output")
      .map((item: Body) => textOf(item.output)),
  events: (body, call) => {
    const item =
      call === undefined
        ? { type: "message", role: "assistant", content: [{ type: "output_text", text: "done" }] }
        : {
            type: "function_call",
            call_id: call.id,
            ...offered(body.tools, call.tool),
            arguments: JSON.stringify(call.input),
          };
    const usage = { input_tokens: 1, output_tokens: 1, total_tokens: 2 };
    return [
      { type: "response.created", response: { id: "r" } },
      { type: "response.output_item.done", output_index: 0, item },
      { type: "response.completed", response: { id: "r", output: [item], usage } },
    ];
  },
};

const chatCompletions: Protocol = {
  results: (body) =>
    body.messages
      .filter((message: Body) => message.role === "tool")
      .map((message: Body) => textOf(message.content)),
  events: (body, call) => {
    const chunk = (delta: Body, finish_reason: string | null) => ({
      id: "c",
      object: "chat.completion.chunk",
      created: 1,
      model: body.model,
      choices: [{ index: 0, delta, finish_reason }],
    });
    if (call === undefined)
      return [chunk({ role: "assistant", content: "done" }, null), chunk({}, "stop"), "[DONE]"];
    const { name } = offered(body.tools, call.tool);
    const fields = { name, arguments: JSON.stringify(call.input) };
    const tool_calls = [{ index: 0, id: call.id, type: "function", function: fields }];
    return [chunk({ role: "assistant", tool_calls }, null), chunk({}, "tool_calls"), "[DONE]"];
  },
};

const protocols: Readonly<Record<string, Protocol>> = {
  "/v1/messages": messages,
  "/v1/responses": responses,
  "/v1/chat/completions": chatCompletions,
};
