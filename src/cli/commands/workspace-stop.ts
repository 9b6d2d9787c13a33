import type { Command } from "commander";
import type { CommandContext } from "../context.ts";
import { answerWorkspace } from "../listings/workspace-block.ts";
import {
  addWorkspaceOutput,
  idMeaning,
  type WorkspaceOutputOption,
} from "../workspace-arguments.ts";

export function addWorkspaceStop(group: Command, { io, openPyro }: CommandContext): void {
  const command = group
    .command("stop")
    .summary("stop a workspace and keep its disk")
    .description("Powers the guest off. Its disk, snapshots and history stay.")
    .argument("<id>", idMeaning);
  addWorkspaceOutput(command)
    .addHelpText(
      "after",
      "\nExamples:\n  pyro workspace stop demo\n  pyro workspace stop demo --json | jq -r .state",
    )
    .action(async (id: string, options: WorkspaceOutputOption) => {
      using pyro = openPyro();
      const workspace = await pyro.stopWorkspace(id);
      await answerWorkspace(io, workspace, { ...options, detail: "brief" });
    });
}
