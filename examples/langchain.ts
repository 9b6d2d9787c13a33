// Tools for LangChain.js and LangGraph. Its own `tool` is handed in, so that this file needs no package but pyro-mcp:
// import { tool } from "@langchain/core/tools"; const tools = pyroTools(tool, pyro, workspaceId);
import type { Pyro, WorkspaceExecResult } from "pyro-mcp";
import { z } from "zod";

const outputCharactersMax = 20_000;

/** What LangChain hands to a tool beside its input. */
interface RunConfig {
  readonly signal?: AbortSignal | undefined;
}

/** `tool` of @langchain/core/tools, as far as it is used here. */
type MakeTool<Made> = (
  run: (input: never, config: RunConfig) => Promise<string>,
  fields: { readonly name: string; readonly description: string; readonly schema: z.ZodObject },
) => Made;

/** Tools over one workspace, and over VMs that are gone afterwards. */
export function pyroTools<Made>(
  tool: MakeTool<Made>,
  pyro: Pyro,
  workspaceId: string,
): readonly Made[] {
  const shellLine = z.object({ command: z.string() });
  return [
    tool(
      async ({ command }: z.infer<typeof shellLine>, { signal }) =>
        shown(
          await pyro.runInVm({ environment: "debian:12", command: ["sh", "-c", command], signal }),
        ),
      {
        name: "vm_run",
        description: "Run a shell line in a fresh VM that is gone afterwards. No network.",
        schema: shellLine,
      },
    ),
    tool(
      async ({ command }: z.infer<typeof shellLine>, { signal }) =>
        shown(await pyro.execWorkspace(workspaceId, { command: ["sh", "-c", command], signal })),
      {
        name: "workspace_exec",
        description: "Run a shell line in the workspace, in /workspace.",
        schema: shellLine,
      },
    ),
    tool(
      async ({ path, text }: { path: string; text: string }) =>
        JSON.stringify(await pyro.writeWorkspaceFile(workspaceId, path, { text })),
      {
        name: "workspace_write_file",
        description: "Create or replace a text file below /workspace.",
        schema: z.object({ path: z.string(), text: z.string() }),
      },
    ),
    tool(
      async (_: object, { signal }) =>
        (await pyro.diffWorkspace(workspaceId, { signal })).diff.slice(0, outputCharactersMax),
      {
        name: "workspace_diff",
        description: "Show what changed in the workspace since it was created.",
        schema: z.object({}),
      },
    ),
  ];
}

function shown(result: Pick<WorkspaceExecResult, "exitCode" | "stdout" | "stderr">): string {
  return `exit ${result.exitCode}\n${result.stdout}${result.stderr}`.slice(0, outputCharactersMax);
}
