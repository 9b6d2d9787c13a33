import assert from "node:assert/strict";
import { join } from "node:path";
import type { JsonSchemaType } from "@modelcontextprotocol/client";
import {
  type CallToolResult,
  Client,
  type ElicitRequestParams,
  type ElicitResult,
  type Tool,
} from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { AjvJsonSchemaValidator } from "@modelcontextprotocol/client/validators/ajv";
import { factsKey } from "../../../src/mcp/service.ts";
import { type PyroHome, repository } from "../../support/home.ts";

/** The revisions of the protocol that coding agents speak. */
export const eras = ["legacy", "auto"] as const;
export type Era = (typeof eras)[number];

export interface ConnectOptions {
  readonly era?: Era;
  /** Where the server is started. Default: the home's own directory, which is no checkout. */
  readonly cwd?: string;
  /** What is started, with its environment, instead of this checkout's server. */
  /** What the person behind the client says when they are asked. Default: nobody is there to ask. */
  readonly onElicit?: (asked: ElicitRequestParams) => ElicitResult | Promise<ElicitResult>;
  readonly server?: { readonly command: readonly string[]; readonly env: Record<string, string> };
}

type CallOptions = NonNullable<Parameters<Client["callTool"]>[1]>;

/** A server process and the SDK's own client to it. */
export class McpConnection implements AsyncDisposable {
  readonly client: Client;
  readonly pid: number;
  #stderr = "";
  #tools: Map<string, Tool> | undefined;

  private constructor(client: Client, transport: StdioClientTransport) {
    this.client = client;
    this.pid = transport.pid ?? 0;
    transport.stderr?.on("data", (chunk: Buffer) => {
      this.#stderr += String(chunk);
    });
  }

  static async open(
    home: PyroHome,
    args: readonly string[] = [],
    { era = "auto", cwd = home.directory, server, onElicit }: ConnectOptions = {},
  ): Promise<McpConnection> {
    const own = [join(repository, "bin", "pyro"), "mcp", "serve"];
    const [command = "", ...rest] = [...(server?.command ?? own), ...args];
    const transport = new StdioClientTransport({
      command,
      args: rest,
      env: server?.env ?? home.env,
      cwd,
      stderr: "pipe",
    });
    const client = new Client(
      { name: "test", version: "1" },
      {
        versionNegotiation: { mode: era },
        ...(onElicit && { capabilities: { elicitation: { form: {} } } }),
      },
    );
    if (onElicit !== undefined)
      client.setRequestHandler("elicitation/create", ({ params }) => onElicit(params));
    await client.connect(transport);
    return new McpConnection(client, transport);
  }

  get stderr(): string {
    return this.#stderr;
  }

  async tools(): Promise<Map<string, Tool>> {
    this.#tools ??= new Map(
      (await this.client.listTools()).tools.map((tool) => [tool.name, tool] as const),
    );
    return this.#tools;
  }

  async call(
    name: string,
    input: Readonly<Record<string, unknown>> = {},
    options: CallOptions = {},
  ): Promise<CallToolResult> {
    const limits = { timeout: 120_000, ...options };
    return (await this.client.callTool(
      { name, arguments: { ...input } },
      limits,
    )) as CallToolResult;
  }

  /** A record: JSON as text and as structure, the same in both, as its schema says. */
  async record(name: string, input: Readonly<Record<string, unknown>> = {}): Promise<Json> {
    const result = await this.call(name, input);
    const text = textOf(result);
    assert.ok(!result.isError, `${name}: ${text}`);
    assert.deepEqual(JSON.parse(text), result.structuredContent);
    const schema = (await this.tools()).get(name)?.outputSchema;
    assert.ok(schema !== undefined, `${name} has no outputSchema`);
    const validate = new AjvJsonSchemaValidator().getValidator(schema as JsonSchemaType);
    const check = validate(result.structuredContent);
    assert.ok(check.valid, `${name}: ${check.errorMessage}`);
    return result.structuredContent as Json;
  }

  /** Text of a guest under a line of ours. */
  async bulk(name: string, input: Readonly<Record<string, unknown>> = {}): Promise<Bulk> {
    const result = await this.call(name, input);
    assert.ok(!result.isError, `${name}: ${textOf(result)}`);
    return bulkOf(result);
  }

  /** The text of a call that must fail; nothing but text. */
  async failure(name: string, input: Readonly<Record<string, unknown>> = {}): Promise<string> {
    const result = await this.call(name, input);
    const text = textOf(result);
    assert.ok(result.isError, `${name} succeeded: ${text}`);
    assert.equal(result.structuredContent, undefined);
    assert.match(text, /^[a-z_]+: .*[.!?…]( Next: .+)?$/s);
    assert.ok(text.length <= 800, `${text.length} characters`);
    assert.doesNotMatch(text, /pyro (workspace|run|env|mcp)|--[a-z]/, "speaks of the command line");
    return text;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.client.close();
  }
}

export type Json = Record<string, unknown>;

export interface Bulk {
  readonly header: string;
  readonly text: string;
  /** What the guest wrote, as far as it is shown: one part, or two around a gap. */
  readonly parts: readonly string[];
  readonly facts: Json;
}

export function bulkOf(result: CallToolResult): Bulk {
  const text = textOf(result);
  assert.equal(result.structuredContent, undefined);
  const parts = [...text.matchAll(/^<untrusted ([0-9a-f]{8})>\n(.*?)<\/untrusted \1>$/gms)].map(
    (match) => match[2] ?? "",
  );
  return {
    header: text.split("\n")[0] ?? "",
    text,
    parts,
    facts: (result._meta?.[factsKey] ?? {}) as Json,
  };
}

export function textOf(result: CallToolResult): string {
  assert.equal(result.content.length, 1);
  const [content] = result.content;
  assert.ok(content?.type === "text");
  return content.text;
}
