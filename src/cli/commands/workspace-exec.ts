import type { Command } from "commander";
import { addInputOptions } from "../command-input.ts";
import type { CommandContext } from "../context.ts";
import { runLiveCommand } from "../live-command.ts";
import { wayOutOf } from "../network-arguments.ts";
import { explain } from "../printer.ts";
import { idMeaning } from "../workspace-arguments.ts";
import {
  addWorkspaceCommandOptions,
  commandOptions,
  type WorkspaceCommandCall,
  type WorkspaceCommandOptions,
  workspaceOutOfMemory,
} from "../workspace-command.ts";

export function addWorkspaceExec(group: Command, context: CommandContext): void {
  const asked = addInputOptions(group.command("exec"))
    .summary("run one command in a workspace")
    .description(
      "Runs one command in a started workspace, which lives on. Output streams live; Ctrl-C ends the command. A pipe or a file at standard input is passed through; a terminal only with -i.\nExits with the command's own code, 124 on time-out, 125 when pyro itself failed.",
    )
    .argument("<id>", idMeaning)
    .argument("<command...>", "program and arguments, after --");
  addWorkspaceCommandOptions(asked)
    .addHelpText(
      "after",
      "\nExamples:\n  pyro workspace exec demo -- git status\n  pyro workspace exec demo --timeout-seconds 600 -- make test",
    )
    .action(async (id: string, command: string[], options: WorkspaceCommandOptions) => {
      context.exit(await exec(context, { id, command, ...options }));
    });
}

function exec({ io, openPyro }: CommandContext, call: WorkspaceCommandCall): Promise<number> {
  const { id, timeoutSeconds, json } = call;
  return runLiveCommand({
    io,
    json,
    input: call,
    resultName: "workspaceExec",
    timeoutSeconds,
    outOfMemory: workspaceOutOfMemory,
    wayOut: wayOutOf(id),
    execute: async (streams) => {
      using pyro = openPyro();
      const result = await pyro.execWorkspace(id, { ...streams, ...commandOptions(call) });
      if (!result.journaled && !json) explain(io, unjournaled.message, unjournaled.hint);
      return result;
    },
  });
}

const unjournaled = {
  message: "The host's disk had no room to write into the workspace's log how the command ended.",
  hint: "Free some room; it is written down then. There is no need to run the command again.",
};
