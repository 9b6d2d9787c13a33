import type { Command } from "commander";
import type { CommandContext, JsonOption } from "../context.ts";
import { printServices } from "../listings/service-lines.ts";
import { printNote, printResult } from "../printer.ts";
import { idMeaning } from "../workspace-arguments.ts";

export function addWorkspaceServiceList(group: Command, { io, openPyro }: CommandContext): void {
  group
    .command("list")
    .summary("the services of a workspace")
    .description("Lists the services of a workspace, those that are over included.")
    .argument("<id>", idMeaning)
    .option("--json", "print one JSON object", false)
    .addHelpText(
      "after",
      "\nExamples:\n  pyro workspace service list demo\n  pyro workspace service list demo --json | jq -r '.services[].name'",
    )
    .action(async (id: string, { json }: JsonOption) => {
      using pyro = openPyro();
      const list = await pyro.listServices(id);
      if (json) return printResult(io, "serviceList", list);
      if (list.services.length === 0) return printNote(io, "No services.");
      printServices(io, list.services, Date.now());
    });
}
