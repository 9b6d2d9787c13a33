// Tools for the Vercel AI SDK (package `ai`, 5 and later), whose tools are plain objects:
// generateText({ model, tools: pyroTools(pyro, workspaceId), stopWhen: stepCountIs(20), prompt })
import type { Pyro, WorkspaceExecResult } from "pyro-mcp";
import { z } from "zod";

const outputCharactersMax = 20_000;

/** What the SDK hands to a tool beside its input. */
interface CallOptions {
  readonly abortSignal?: AbortSignal | undefined;
}

/** Tools over one workspace, and over VMs that are gone afterwards. */
export function pyroTools(pyro: Pyro, workspaceId: string) {
  return {
    vm_run: tool({
      description: "Run a shell line in a fresh VM that is gone afterwards. No network.",
      inputSchema: z.object({ command: z.string() }),
      execute: async ({ command }, { abortSignal: signal }) =>
        shown(
          await pyro.runInVm({ environment: "debian:12", command: ["sh", "-c", command], signal }),
        ),
    }),
    workspace_exec: tool({
      description: "Run a shell line in the workspace, in /workspace.",
      inputSchema: z.object({
        command: z.string(),
        timeoutSeconds: z.number().optional().describe("Default 30"),
      }),
      execute: async ({ command, timeoutSeconds }, { abortSignal: signal }) =>
        shown(
          await pyro.execWorkspace(workspaceId, {
            command: ["sh", "-c", command],
            timeoutSeconds,
            signal,
          }),
        ),
    }),
    workspace_write_file: tool({
      description: "Create or replace a text file below /workspace.",
      inputSchema: z.object({ path: z.string(), text: z.string() }),
      execute: async ({ path, text }) => await pyro.writeWorkspaceFile(workspaceId, path, { text }),
    }),
    workspace_diff: tool({
      description: "Show what changed in the workspace since it was created.",
      inputSchema: z.object({}),
      execute: async (_, { abortSignal: signal }) =>
        (await pyro.diffWorkspace(workspaceId, { signal })).diff.slice(0, outputCharactersMax),
    }),
  };
}

/** The same as `tool` of the package: it only joins the types of schema and function. */
function tool<Schema extends z.ZodObject, Output>(declared: {
  readonly description: string;
  readonly inputSchema: Schema;
  readonly execute: (input: z.infer<Schema>, options: CallOptions) => Promise<Output>;
}) {
  return declared;
}

function shown({
  exitCode,
  stdout,
  stderr,
}: Pick<WorkspaceExecResult, "exitCode" | "stdout" | "stderr">) {
  return {
    exitCode,
    stdout: stdout.slice(0, outputCharactersMax),
    stderr: stderr.slice(0, outputCharactersMax),
  };
}
