import type { Command } from "commander";
import type { CommandContext } from "../context.ts";
import { watchInterrupts } from "../interrupt.ts";
import { answerWorkspace } from "../listings/workspace-block.ts";
import { showProgress, silentProgress } from "../progress-bar.ts";
import {
  addWorkspaceOutput,
  idMeaning,
  type WorkspaceOutputOption,
} from "../workspace-arguments.ts";

interface StartOptions extends WorkspaceOutputOption {
  readonly resumeServices: boolean;
}

export function addWorkspaceStart(group: Command, { io, openPyro }: CommandContext): void {
  const command = group
    .command("start")
    .summary("start a stopped workspace")
    .description("Starts a stopped workspace with the disk, snapshots and history it had.")
    .argument("<id>", idMeaning)
    .option(
      "--resume-services",
      "also start the services that ran, and publish its ports again",
      false,
    );
  addWorkspaceOutput(command)
    .addHelpText(
      "after",
      "\nExamples:\n  pyro workspace start demo\n  pyro workspace start demo && pyro workspace exec demo -- uptime",
    )
    .action(async (id: string, options: StartOptions) => {
      using interrupt = watchInterrupts();
      using pyro = openPyro();
      using progress = options.json ? silentProgress() : showProgress(io, id);
      const workspace = await pyro.startWorkspace(id, {
        resumeServices: options.resumeServices,
        signal: interrupt.signal,
        onProgress: progress.report,
      });
      progress[Symbol.dispose]();
      await answerWorkspace(io, workspace, { ...options, detail: "brief" });
    });
}
