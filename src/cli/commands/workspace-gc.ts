import type { Command } from "commander";
import { visibleText, type WorkspaceGc } from "../../index.ts";
import type { CommandContext, JsonOption } from "../context.ts";
import type { IO } from "../io.ts";
import { counted } from "../listings/named-lines.ts";
import { printLine, printResult } from "../printer.ts";
import { durationArgument } from "../time.ts";

interface GcOptions extends JsonOption {
  readonly olderThan?: number;
  readonly dryRun: boolean;
}

export function addWorkspaceGc(group: Command, { io, openPyro }: CommandContext): void {
  group
    .command("gc")
    .summary("delete what is expired, old or left over")
    .description(
      "Deletes workspaces past their time and the leftovers of crashed processes; with --older-than also workspaces that nobody used for so long.",
    )
    .option(
      "--older-than <duration>",
      "without activity for so long: 30m, 12h, 7d",
      durationArgument,
    )
    .option("--dry-run", "only say what would be deleted", false)
    .option("--json", "print one JSON object", false)
    .addHelpText(
      "after",
      "\nExamples:\n  pyro workspace gc\n  pyro workspace gc --older-than 7d --dry-run",
    )
    .action(async ({ olderThan, dryRun, json }: GcOptions) => {
      using pyro = openPyro();
      const result = await pyro.gcWorkspaces({ olderThanSeconds: olderThan, dryRun });
      if (json) return printResult(io, "workspaceGc", result);
      printGc(io, result, { dryRun });
    });
}

/** What is gone, or what would be. */
export function printGc(
  io: IO,
  { deletedWorkspaceIds, sweptDirectories }: WorkspaceGc,
  { dryRun }: { readonly dryRun: boolean },
): void {
  if (deletedWorkspaceIds.length === 0 && sweptDirectories === 0) {
    printLine(io, "There is nothing to delete.");
    return;
  }
  const workspaces = counted(deletedWorkspaceIds.length, "workspace");
  const leftovers = counted(sweptDirectories, "leftover");
  printLine(io, `${dryRun ? "Would delete" : "Deleted"} ${workspaces} and ${leftovers}.`);
  for (const id of deletedWorkspaceIds) printLine(io, `  ${visibleText(id)}`);
}
