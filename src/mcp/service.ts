import {
  type CallToolResult,
  type ClientCapabilities,
  type InputRequiredResult,
  McpServer,
  type ServerContext,
  type StandardSchemaWithJSON,
  type Transport,
} from "@modelcontextprotocol/server";
import { serveStdio } from "@modelcontextprotocol/server/stdio";
import { PyroError } from "../model/errors.ts";
import { visibleJson } from "../model/text.ts";
import { HostRoots } from "../project/host-roots.ts";
import { findProject, type ProjectSource } from "../project/project-source.ts";
import type { Pyro } from "../sdk.ts";
import { version } from "../version.ts";
import { errorAnswer } from "./answers/error-answer.ts";
import type { NetworkWish } from "./answers/network-wish.ts";
import { outputSchema, recordOf } from "./answers/record-answer.ts";
import { instructionsFor } from "./instructions.ts";
import { LineTransport } from "./line-transport.ts";
import { type Finish, Person } from "./person.ts";
import { type Progress, startProgress } from "./progress.ts";
import { promptsFor } from "./prompts.ts";
import type { CreateServerOptions, PyroServer, ServeStreams } from "./pyro-server.ts";
import { selectTools } from "./select-tools.ts";
import { StandbyKeeper } from "./standby-keeper.ts";
import { annotationsOf, type Call, type Tool } from "./tool.ts";
import { inputDocument, outputDocument, parseInput } from "./tool-input.ts";

/** Programs find the facts of a text answer here. */
export const factsKey = "io.github.pyro-mcp/result";

/** The lists never change while a server runs. */
const listCache = { ttlMs: 3_600_000, cacheScope: "public" } as const;

/** The tools of one server, and what they work with. */
export class Service implements PyroServer, Disposable {
  readonly #tools: readonly Tool[];
  readonly #project: ProjectSource | undefined;
  readonly #roots: HostRoots;
  readonly #person: Person<CallToolResult> | undefined;
  readonly #standbys: StandbyKeeper | undefined;
  #pyro: Promise<Pyro> | undefined;

  constructor(options: CreateServerOptions) {
    this.#tools = selectTools(options);
    this.#project = findProject({ ...options, currentDirectory: currentDirectory() });
    const directory = this.#project?.directory;
    this.#roots = new HostRoots([
      ...(directory === undefined ? [] : [directory]),
      ...(options.allowPaths ?? []),
    ]);
    if (options.asksPerson !== false) this.#person = new Person(() => this.#engine());
    if (options.keepsStandby) this.#standbys = new StandbyKeeper(() => this.#engine());
    if (options.pyro !== undefined) this.#pyro = Promise.resolve(options.pyro);
  }

  serveStdio(streams: ServeStreams = {}): Promise<void> {
    const { stdin = process.stdin, stdout = process.stdout, onError, signal } = streams;
    const transport = new LineTransport(stdin, stdout);
    const { promise, resolve } = Promise.withResolvers<void>();
    const service = serveStdio(() => this.newServer(), {
      transport,
      legacy: "serve",
      ...(onError && { onerror: onError }),
    });
    // The protocol's code listens for the end as well; it takes back what is being done.
    const closed = transport.onclose;
    transport.onclose = () => {
      closed?.();
      resolve();
    };
    signal?.addEventListener("abort", () => void service.close(), { once: true });
    return promise;
  }

  async connect(transport: Transport): Promise<void> {
    await this.newServer().connect(transport);
  }

  /** Removes what it made on the host for itself. Workspaces stay. */
  [Symbol.dispose](): void {
    this.#standbys?.[Symbol.dispose]();
    this.#project?.[Symbol.dispose]();
  }

  /** The server of one connection, or of one request where the transport has no connections. */
  newServer(): McpServer {
    const server = new McpServer(
      { name: "pyro", title: "pyro", version },
      {
        instructions: instructionsFor({
          tools: this.#tools,
          project: this.#project?.description,
          roots: this.#roots.paths,
        }),
        capabilities: { tools: { listChanged: false }, prompts: { listChanged: false } },
        cacheHints: {
          "tools/list": listCache,
          "prompts/list": listCache,
          "server/discover": listCache,
        },
      },
    );
    for (const tool of this.#tools) this.#registerTool(server, tool);
    const has = (name: Tool["name"]) => this.#tools.some((tool) => tool.name === name);
    for (const { name, title, description, input, say } of promptsFor(this.#tools))
      server.registerPrompt(name, { title, description, argsSchema: input }, (given) => ({
        description,
        messages: [
          {
            role: "user",
            content: { type: "text", text: say(given as Record<string, string | undefined>, has) },
          },
        ],
      }));
    return server;
  }

  #registerTool(server: McpServer, tool: Tool): void {
    const { name, title, description, effect, isEntry } = tool;
    server.registerTool(
      name,
      {
        title,
        description,
        inputSchema: advertised(() => inputDocument(tool)),
        ...(tool.kind === "record" && { outputSchema: checkedOutput(tool) }),
        annotations: { title, ...annotationsOf[effect] },
        ...(isEntry && { _meta: { "anthropic/alwaysLoad": true } }),
      },
      (given: unknown, context: ServerContext) =>
        this.#answer(tool, given, context, server.server.getClientCapabilities()),
    );
  }

  /** Runs a tool, and asks the person behind the client about what was denied where that can be. */
  async #answer(
    tool: Tool,
    given: unknown,
    context: ServerContext,
    capabilities: ClientCapabilities | undefined,
  ): Promise<CallToolResult | InputRequiredResult> {
    using _atWork = this.#standbys?.duringCall();
    using progress = startProgress(context, tool.title);
    try {
      const state = context.mcpReq.requestState<string>();
      if (state !== undefined) {
        const answer = await this.#person?.answered(context, state);
        if (answer !== undefined) return answer;
        throw new PyroError("invalid_argument", "No answer waits for what the user said any more.");
      }
      const told = await this.#run(tool, given, { context, progress });
      if (this.#person === undefined) return told.finish(undefined);
      return await this.#person.ask(told, context, capabilities);
    } catch (error) {
      return errorAnswer(error, {
        tool: tool.name,
        argumentNames: Object.keys(tool.input.shape),
      });
    }
  }

  async #run(
    tool: Tool,
    given: unknown,
    { context, progress }: { readonly context: ServerContext; readonly progress: Progress },
  ): Promise<Told> {
    const input = parseInput(tool, given);
    const call: Call = {
      pyro: () => this.#engine(),
      roots: this.#roots,
      project: this.#project,
      signal: context.mcpReq.signal,
      report: progress.report,
    };
    if (tool.kind === "bulk") {
      const { text, facts, wish } = await tool.run(input, call);
      const finish: Told["finish"] = (said) => ({
        content: [{ type: "text", text: joined(text, said) }],
        _meta: { [factsKey]: facts },
      });
      return { wish, finish };
    }
    const answer = await tool.run(input, call);
    const finish: Told["finish"] = (said) => {
      const next = said === undefined ? answer.next : joined(answer.next ?? "", said);
      const record = recordOf(tool.result, { ...answer, next });
      return {
        content: [{ type: "text", text: visibleJson(record) }],
        structuredContent: record,
      };
    };
    return { wish: answer.wish, finish };
  }

  /** Loading it takes longer than answering what tools there are. */
  #engine(): Promise<Pyro> {
    this.#pyro ??= import("../sdk.ts").then(({ Pyro }) => new Pyro());
    return this.#pyro;
  }
}

/** A tool's answer before the person was asked. */
interface Told {
  readonly wish: NetworkWish | undefined;
  readonly finish: Finish<CallToolResult>;
}

function joined(text: string, said: string | undefined): string {
  return [text, said ?? ""].filter((part) => part !== "").join("\n");
}

/** Where the server was started; a place without a project when that is gone. */
function currentDirectory(): string {
  try {
    return process.cwd();
  } catch {
    return "/";
  }
}

/** A schema that clients are told of, and that lets everything pass: the tool itself checks, and explains better. */
function advertised(
  document: () => Record<string, unknown>,
): StandardSchemaWithJSON<Record<string, unknown>, Record<string, unknown>> {
  return {
    "~standard": {
      version: 1,
      vendor: "pyro",
      validate: (value) => ({ value: value as Record<string, unknown> }),
      jsonSchema: { input: document, output: document },
    },
  };
}

/** A schema that answers are checked against. */
function checkedOutput(
  tool: Tool & { readonly kind: "record" },
): StandardSchemaWithJSON<Record<string, unknown>, Record<string, unknown>> {
  const schema = outputSchema(tool);
  return {
    "~standard": {
      ...schema["~standard"],
      version: 1,
      vendor: "pyro",
      validate: (value) =>
        schema["~standard"].validate(value) as { value: Record<string, unknown> },
      jsonSchema: { input: () => outputDocument(schema), output: () => outputDocument(schema) },
    },
  };
}
