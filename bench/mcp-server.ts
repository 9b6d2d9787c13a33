import { Client } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import type { ProfileName } from "../src/mcp/profiles.ts";
import { type Bench, pyro } from "./bench.ts";

const callMs = 120_000;

/** A server in a process of its own. */
export interface Server extends AsyncDisposable {
  readonly pid: number;
  listTools(): Promise<Awaited<ReturnType<Client["listTools"]>>["tools"]>;
  /** Answers the record that it came to; throws unless the call succeeds. */
  call(name: string, input: Record<string, unknown>): Promise<Record<string, unknown>>;
}

export async function openServer(
  { config, signal }: Bench,
  profile: ProfileName,
  cwd = process.cwd(),
  env: Readonly<Record<string, string>> = {},
): Promise<Server> {
  const program = pyro(config, "mcp", "serve", "--profile", profile);
  const transport = new StdioClientTransport({
    command: program.command,
    args: [...program.args],
    cwd,
    env: { ...program.env, PYRO_TRACE: "", ...env } as Record<string, string>,
    stderr: "inherit",
  });
  const client = new Client(
    { name: "bench", version: "1" },
    { versionNegotiation: { mode: "legacy" } },
  );
  await client.connect(transport);
  return {
    pid: transport.pid ?? 0,
    listTools: async () => (await client.listTools()).tools,
    call: async (name, input) => {
      const result = await client.callTool({ name, arguments: input }, { signal, timeout: callMs });
      if (result.isError) throw new Error(`${name}: ${JSON.stringify(result.content)}`);
      return (result.structuredContent ?? {}) as Record<string, unknown>;
    },
    [Symbol.asyncDispose]: () => client.close(),
  };
}
