import { posix } from "node:path";
import type { Command } from "commander";
import { defaults } from "../index.ts";
import type { InputOptions } from "./command-input.ts";
import { type JsonOption, seconds } from "./context.ts";
import type { KeyValues } from "./key-value.ts";
import { envOption, secretEnvOption } from "./workspace-arguments.ts";

/** How a command is run in a workspace, by whichever command of ours. */
export interface WorkspaceCommandOptions extends JsonOption, InputOptions {
  readonly timeoutSeconds: number;
  readonly cwd?: string;
  readonly env?: KeyValues;
  readonly secretEnv?: KeyValues;
}

export interface WorkspaceCommandCall extends WorkspaceCommandOptions {
  readonly id: string;
  readonly command: readonly string[];
}

export function addWorkspaceCommandOptions(command: Command): Command {
  return command
    .option(
      "--timeout-seconds <s>",
      "how long the command may take",
      seconds,
      defaults.timeoutSeconds,
    )
    .option("--cwd <path>", "where to run it, relative to /workspace (default: /workspace)")
    .addOption(envOption())
    .addOption(secretEnvOption())
    .option("--json", "print one JSON object when it is over", false);
}

/** The same as the SDK takes it. */
export function commandOptions(call: WorkspaceCommandCall) {
  const { command, timeoutSeconds, cwd, env, secretEnv } = call;
  const directory = cwd === undefined ? undefined : posix.resolve("/workspace", cwd);
  return { command, timeoutSeconds, cwd: directory, env, secretEnv };
}

/** What is said when a workspace's memory ran out. */
export const workspaceOutOfMemory = {
  message: "The command ran out of the workspace's memory.",
  hint: "Create a workspace with more: pyro workspace create --mem-mib N",
};
