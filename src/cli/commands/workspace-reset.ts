import type { Command } from "commander";
import { visibleText } from "../../index.ts";
import type { CommandContext } from "../context.ts";
import { watchInterrupts } from "../interrupt.ts";
import { answerWorkspace } from "../listings/workspace-block.ts";
import { printNote } from "../printer.ts";
import { showProgress, silentProgress } from "../progress-bar.ts";
import {
  addWorkspaceOutput,
  idMeaning,
  type WorkspaceOutputOption,
} from "../workspace-arguments.ts";

interface ResetOptions extends WorkspaceOutputOption {
  readonly snapshot: string;
}

export function addWorkspaceReset(group: Command, { io, openPyro }: CommandContext): void {
  const command = group
    .command("reset")
    .summary("a new machine with /workspace as it was")
    .description(
      "Recreates the whole machine and restores /workspace. Everything else in the guest is gone, and so is the history of commands. Snapshots stay.",
    )
    .argument("<id>", idMeaning)
    .option("--snapshot <name>", "which state of /workspace to restore", "baseline");
  addWorkspaceOutput(command)
    .addHelpText(
      "after",
      "\nExamples:\n  pyro workspace reset demo\n  pyro workspace reset demo --snapshot before-fix",
    )
    .action(async (id: string, { snapshot, ...options }: ResetOptions) => {
      using interrupt = watchInterrupts();
      using pyro = openPyro();
      using progress = options.json ? silentProgress() : showProgress(io, id);
      const workspace = await pyro.resetWorkspace(id, {
        snapshot,
        signal: interrupt.signal,
        onProgress: progress.report,
      });
      progress[Symbol.dispose]();
      if (!options.json) printNote(io, `Restored /workspace as in ${visibleText(snapshot)}.`);
      await answerWorkspace(io, workspace, { ...options, detail: "brief" });
    });
}
