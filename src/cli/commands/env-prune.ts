import type { Command } from "commander";
import { Pyro } from "../../index.ts";
import type { CommandContext, JsonOption } from "../context.ts";
import { formatBytes, printLine, printResult } from "../printer.ts";

interface PruneOptions extends JsonOption {
  readonly all: boolean;
}

export function addEnvPrune(group: Command, { io }: CommandContext): void {
  group
    .command("prune")
    .summary("remove what nothing uses")
    .description(
      "Removes images without a name, stale templates and downloaded layers, and says how much that freed.",
    )
    .option("--all", "also remove every installed environment", false)
    .option("--json", "print one JSON object", false)
    .addHelpText("after", "\nExamples:\n  pyro env prune\n  pyro env prune --all --json")
    .action(async ({ json, all }: PruneOptions) => {
      using pyro = new Pyro();
      const result = await pyro.pruneEnvironments({ all });
      if (json) return printResult(io, "prune", result);
      printLine(
        io,
        `Freed ${formatBytes(result.freedBytes)}: ${result.removedImageCount} images, ${result.removedTemplateCount} templates, ${result.removedBlobCount} layers.`,
      );
    });
}
