import type { Command } from "commander";
import type { CommandContext } from "../context.ts";
import { answerWorkspace } from "../listings/workspace-block.ts";
import {
  addWorkspaceOutput,
  idMeaning,
  type WorkspaceOutputOption,
} from "../workspace-arguments.ts";

export function addWorkspaceStatus(group: Command, { io, openPyro }: CommandContext): void {
  const command = group
    .command("status")
    .summary("everything about one workspace")
    .description("Shows the machine, the content, the history and the end of one workspace.")
    .argument("<id>", idMeaning);
  addWorkspaceOutput(command)
    .addHelpText(
      "after",
      "\nExamples:\n  pyro workspace status demo\n  pyro workspace status demo --json | jq -r .state",
    )
    .action(async (id: string, options: WorkspaceOutputOption) => {
      using pyro = openPyro();
      const workspace = await pyro.statusWorkspace(id);
      await answerWorkspace(io, workspace, { ...options, detail: "full" });
    });
}
