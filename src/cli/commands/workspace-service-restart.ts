import type { Command } from "commander";
import type { CommandContext, JsonOption } from "../context.ts";
import { watchInterrupts } from "../interrupt.ts";
import { printServiceOutcome } from "../listings/service-lines.ts";
import { printResult } from "../printer.ts";
import { idMeaning, serviceNameMeaning } from "../workspace-arguments.ts";

export function addWorkspaceServiceRestart(group: Command, { io, openPyro }: CommandContext): void {
  group
    .command("restart")
    .summary("stop a service and start it as it was")
    .description(
      "Stops a service, if it runs, and starts it with the command, probe and ports that it was started with. Its log goes on.",
    )
    .argument("<id>", idMeaning)
    .argument("<name>", serviceNameMeaning)
    .option("--json", "print one JSON object", false)
    .addHelpText(
      "after",
      "\nExamples:\n  pyro workspace service restart demo web\n  pyro workspace service restart demo web --json",
    )
    .action(async (id: string, name: string, { json }: JsonOption) => {
      using interrupt = watchInterrupts();
      using pyro = openPyro();
      const service = await pyro.restartService(id, name, { signal: interrupt.signal });
      if (json) return printResult(io, "service", service);
      printServiceOutcome(io, service);
    });
}
