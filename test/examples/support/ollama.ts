import { JsonServer, type Reply, type Seen } from "./json-server.ts";

export interface StandInOptions {
  /** Names and what each can do; an Ollama that does not say has no `capabilities`. */
  readonly models?: Readonly<Record<string, readonly string[] | undefined>>;
  /** What the model says, turn by turn; the last is repeated. */
  readonly turns?: readonly Readonly<Record<string, unknown>>[];
  /** Tried before the honest answer. */
  readonly instead?: (request: Seen) => Reply | undefined;
}

/** A message in which a model wants a tool called. */
export function wants(name: string, given: unknown): Readonly<Record<string, unknown>> {
  return {
    role: "assistant",
    content: "",
    tool_calls: [{ function: { index: 0, name, arguments: given } }],
  };
}

/** Behaves like Ollama's API with streaming off. */
export function startOllama(options: StandInOptions = {}): Promise<JsonServer> {
  const { models = { "small:1b": ["completion", "tools"] }, turns = [], instead } = options;
  let turn = 0;
  const capabilitiesOf = (model: string): Reply =>
    model in models
      ? { body: { details: { family: "test" }, capabilities: models[model] } }
      : { status: 404, body: { error: `model '${model}' not found` } };
  const chat = ({ model, tools, stream }: Record<string, unknown>): Reply => {
    const known = capabilitiesOf(String(model));
    if (known.status === 404) return known;
    if (tools !== undefined && !models[String(model)]?.includes("tools"))
      return {
        status: 400,
        body: { error: `registry.ollama.ai/library/${model} does not support tools` },
      };
    if (stream !== false) return { status: 500, body: { error: "the stand-in does not stream" } };
    const message = turns[Math.min(turn++, turns.length - 1)];
    return {
      body: {
        model,
        created_at: "2026-01-01T00:00:00Z",
        message,
        done: true,
        done_reason: "stop",
        total_duration: 1,
      },
    };
  };
  return JsonServer.start((request) => {
    const own = instead?.(request);
    if (own !== undefined) return own;
    if (request.path === "/api/tags")
      return { body: { models: Object.keys(models).map((name) => ({ name, model: name })) } };
    if (request.path === "/api/show") return capabilitiesOf(String(request.body.model));
    if (request.path === "/api/chat") return chat(request.body);
    return { status: 404, body: "404 page not found" };
  });
}
