import type { Command } from "commander";
import type { CommandContext, JsonOption } from "../context.ts";
import { printService } from "../listings/service-lines.ts";
import { explainDenied, wayOutOf } from "../network-arguments.ts";
import { printResult } from "../printer.ts";
import { idMeaning, serviceNameMeaning } from "../workspace-arguments.ts";

export function addWorkspaceServiceStatus(group: Command, { io, openPyro }: CommandContext): void {
  group
    .command("status")
    .summary("one service: state, readiness, exit code, ports")
    .description("Says what a service is, what it waits for and how it ended.")
    .argument("<id>", idMeaning)
    .argument("<name>", serviceNameMeaning)
    .option("--json", "print one JSON object", false)
    .addHelpText(
      "after",
      "\nExamples:\n  pyro workspace service status demo web\n  pyro workspace service status demo web --json | jq -r .state",
    )
    .action(async (id: string, name: string, { json }: JsonOption) => {
      using pyro = openPyro();
      const service = await pyro.statusService(id, name);
      if (json) return printResult(io, "service", service);
      printService(io, service, Date.now());
      explainDenied(io, service.deniedConnections, wayOutOf(id));
    });
}
