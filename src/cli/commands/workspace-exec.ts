import { posix } from "node:path";
import type { Command } from "commander";
import { defaults } from "../../index.ts";
import { addInputOptions, type InputOptions } from "../command-input.ts";
import { type CommandContext, type JsonOption, seconds } from "../context.ts";
import type { KeyValues } from "../key-value.ts";
import { runLiveCommand } from "../live-command.ts";
import { wayOutOf } from "../network-arguments.ts";
import { explain } from "../printer.ts";
import { envOption, idMeaning, secretEnvOption } from "../workspace-arguments.ts";

interface ExecOptions extends JsonOption, InputOptions {
  readonly timeoutSeconds: number;
  readonly cwd?: string;
  readonly env?: KeyValues;
  readonly secretEnv?: KeyValues;
}

export function addWorkspaceExec(group: Command, context: CommandContext): void {
  addInputOptions(group.command("exec"))
    .summary("run one command in a workspace")
    .description(
      "Runs one command in a started workspace, which lives on. Output streams live; Ctrl-C ends the command. A pipe or a file at standard input is passed through; a terminal only with -i.\nExits with the command's own code, 124 on time-out, 125 when pyro itself failed.",
    )
    .argument("<id>", idMeaning)
    .argument("<command...>", "program and arguments, after --")
    .option(
      "--timeout-seconds <s>",
      "how long the command may take",
      seconds,
      defaults.timeoutSeconds,
    )
    .option("--cwd <path>", "where to run it, relative to /workspace (default: /workspace)")
    .addOption(envOption())
    .addOption(secretEnvOption())
    .option("--json", "print one JSON object when it is over", false)
    .addHelpText(
      "after",
      "\nExamples:\n  pyro workspace exec demo -- git status\n  pyro workspace exec demo --timeout-seconds 600 -- make test",
    )
    .action(async (id: string, command: string[], options: ExecOptions) => {
      context.exit(await exec(context, { id, command, ...options }));
    });
}

interface ExecCall extends ExecOptions {
  readonly id: string;
  readonly command: readonly string[];
}

function exec({ io, openPyro }: CommandContext, call: ExecCall): Promise<number> {
  const { id, command, timeoutSeconds, cwd, env, secretEnv, json } = call;
  return runLiveCommand({
    io,
    json,
    input: call,
    resultName: "workspaceExec",
    timeoutSeconds,
    outOfMemory: {
      message: "The command ran out of the workspace's memory.",
      hint: "Create a workspace with more: pyro workspace create --mem-mib N",
    },
    wayOut: wayOutOf(id),
    execute: async (streams) => {
      using pyro = openPyro();
      const result = await pyro.execWorkspace(id, {
        ...streams,
        command,
        timeoutSeconds,
        cwd: cwd === undefined ? undefined : posix.resolve("/workspace", cwd),
        env,
        secretEnv,
      });
      if (!result.journaled && !json) explain(io, unjournaled.message, unjournaled.hint);
      return result;
    },
  });
}

const unjournaled = {
  message: "The host's disk had no room to write into the workspace's log how the command ended.",
  hint: "Free some room; it is written down then. There is no need to run the command again.",
};
