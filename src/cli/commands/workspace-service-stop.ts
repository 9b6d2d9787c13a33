import type { Command } from "commander";
import type { CommandContext, JsonOption } from "../context.ts";
import { watchInterrupts } from "../interrupt.ts";
import { printServiceOutcome } from "../listings/service-lines.ts";
import { printResult } from "../printer.ts";
import { idMeaning, serviceNameMeaning } from "../workspace-arguments.ts";

export function addWorkspaceServiceStop(group: Command, { io, openPyro }: CommandContext): void {
  group
    .command("stop")
    .summary("stop a service")
    .description(
      "Sends TERM to everything the service started, and KILL to what is left after its grace. Its ports are published no more; its log stays.",
    )
    .argument("<id>", idMeaning)
    .argument("<name>", serviceNameMeaning)
    .option("--json", "print one JSON object", false)
    .addHelpText(
      "after",
      "\nExamples:\n  pyro workspace service stop demo web\n  pyro workspace service stop demo web --json",
    )
    .action(async (id: string, name: string, { json }: JsonOption) => {
      using interrupt = watchInterrupts();
      using pyro = openPyro();
      const service = await pyro.stopService(id, name, { signal: interrupt.signal });
      if (json) return printResult(io, "service", service);
      printServiceOutcome(io, service);
    });
}
