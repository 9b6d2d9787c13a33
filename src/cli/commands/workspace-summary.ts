import type { Command } from "commander";
import type { CommandContext, JsonOption } from "../context.ts";
import { printWorkspaceSummary } from "../listings/workspace-summary.ts";
import { printResult } from "../printer.ts";
import { idMeaning } from "../workspace-arguments.ts";

export function addWorkspaceSummary(group: Command, { io, openPyro }: CommandContext): void {
  group
    .command("summary")
    .summary("one screen to review: changes, failures, events")
    .description(
      "Shows what happened since the last reset: commands and failures, events, changes, and files that run when somebody opens them.",
    )
    .argument("<id>", idMeaning)
    .option("--json", "print one JSON object", false)
    .addHelpText(
      "after",
      "\nExamples:\n  pyro workspace summary demo\n  pyro workspace summary demo --json | jq .diff.stat",
    )
    .action(async (id: string, { json }: JsonOption) => {
      using pyro = openPyro();
      const summary = await pyro.summarizeWorkspace(id);
      if (json) return printResult(io, "workspaceSummary", summary);
      printWorkspaceSummary(io, summary, Date.now());
    });
}
