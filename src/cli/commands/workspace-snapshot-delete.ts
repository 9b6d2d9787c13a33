import type { Command } from "commander";
import { visibleText } from "../../index.ts";
import type { CommandContext, JsonOption } from "../context.ts";
import { printLine, printNote, printResult } from "../printer.ts";
import { idMeaning } from "../workspace-arguments.ts";

export function addWorkspaceSnapshotDelete(group: Command, { io, openPyro }: CommandContext): void {
  group
    .command("delete")
    .summary("remove one snapshot")
    .description("Removes a snapshot. The baseline stays as long as the workspace.")
    .argument("<id>", idMeaning)
    .argument("<name>", "which snapshot")
    .option("--json", "print one JSON object", false)
    .addHelpText(
      "after",
      "\nExamples:\n  pyro workspace snapshot delete demo before-fix\n  pyro workspace snapshot delete demo before-fix --json",
    )
    .action(async (id: string, name: string, { json }: JsonOption) => {
      using pyro = openPyro();
      const result = await pyro.deleteSnapshot(id, name);
      if (json) return printResult(io, "snapshotDeleted", result);
      if (result.deleted) printLine(io, `Deleted snapshot ${visibleText(result.name)}.`);
      else printNote(io, `Snapshot ${visibleText(name)} is gone already.`);
    });
}
