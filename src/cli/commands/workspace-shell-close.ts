import type { Command } from "commander";
import type { CommandContext, JsonOption } from "../context.ts";
import { printLine, printResult } from "../printer.ts";
import { idMeaning, shellMeaning } from "../workspace-arguments.ts";

export function addWorkspaceShellClose(group: Command, { io, openPyro }: CommandContext): void {
  group
    .command("close")
    .summary("end a shell and everything it started")
    .description("Ends everything that a shell started, and forgets what it wrote.")
    .argument("<id>", idMeaning)
    .argument("<shell>", shellMeaning)
    .option("--json", "print one JSON object", false)
    .addHelpText(
      "after",
      "\nExamples:\n  pyro workspace shell close demo sh-1a2b3c4d\n  pyro workspace shell close demo sh-1a2b3c4d --json",
    )
    .action(async (id: string, shell: string, { json }: JsonOption) => {
      using pyro = openPyro();
      const result = await pyro.closeShell(id, shell);
      if (json) return printResult(io, "shell", result);
      printLine(io, `Closed shell ${result.shellId}.`);
    });
}
