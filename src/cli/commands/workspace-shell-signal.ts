import type { Command } from "commander";
import type { CommandContext, JsonOption } from "../context.ts";
import { printLine, printResult } from "../printer.ts";
import { idMeaning, shellMeaning } from "../workspace-arguments.ts";

interface SignalOptions extends JsonOption {
  readonly signal: string;
}

export function addWorkspaceShellSignal(group: Command, { io, openPyro }: CommandContext): void {
  group
    .command("signal")
    .summary("signal what runs in the foreground of a shell")
    .description("Sends a signal to what runs in the foreground of a shell, as a key would.")
    .argument("<id>", idMeaning)
    .argument("<shell>", shellMeaning)
    .option("--signal <name>", "INT, TERM, HUP, QUIT, KILL, …", "INT")
    .option("--json", "print one JSON object", false)
    .addHelpText(
      "after",
      "\nExamples:\n  pyro workspace shell signal demo sh-1a2b3c4d\n  pyro workspace shell signal demo sh-1a2b3c4d --signal KILL",
    )
    .action(async (id: string, shell: string, { json, signal }: SignalOptions) => {
      using pyro = openPyro();
      const result = await pyro.signalShell(id, shell, { signalName: signal });
      if (json) return printResult(io, "shellSignal", result);
      printLine(io, `Sent ${result.signal} to the foreground of shell ${result.shellId}.`);
    });
}
