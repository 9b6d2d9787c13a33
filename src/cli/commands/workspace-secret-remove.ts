import type { Command } from "commander";
import { visibleText } from "../../index.ts";
import type { CommandContext, JsonOption } from "../context.ts";
import { printLine, printResult } from "../printer.ts";
import { idMeaning } from "../workspace-arguments.ts";

export function addWorkspaceSecretRemove(group: Command, { io, openPyro }: CommandContext): void {
  group
    .command("rm")
    .summary("take a secret away from a workspace")
    .description("Removes a secret. What runs keeps what it was started with.")
    .argument("<id>", idMeaning)
    .argument("<name>", "which secret")
    .option("--json", "print one JSON object", false)
    .addHelpText(
      "after",
      "\nExamples:\n  pyro workspace secret rm demo API_TOKEN\n  pyro workspace secret rm demo API_TOKEN --json",
    )
    .action(async (id: string, name: string, { json }: JsonOption) => {
      using pyro = openPyro();
      const list = await pyro.removeSecret(id, name);
      if (json) return printResult(io, "workspaceSecrets", list);
      printLine(io, `Removed secret ${visibleText(name)}.`);
    });
}
