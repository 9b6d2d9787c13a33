import type { Command } from "commander";
import type { CommandContext } from "../context.ts";
import {
  addServeOptions,
  type HostOptions,
  hostMeaning,
  printConnection,
  type ServeArguments,
  scopeOption,
  serveOptions,
} from "../host-arguments.ts";
import { printResult } from "../printer.ts";

interface RepairOptions extends HostOptions, ServeArguments {}

export function addHostRepair(group: Command, { io }: CommandContext): void {
  const command = group
    .command("repair")
    .summary("mend an entry that does not work any more")
    .description(
      "Mends entries whose executable moved or whose arguments are not valid any more, and keeps their options.\nOptions given here replace theirs.",
    )
    .argument("<agent>", hostMeaning)
    .addOption(scopeOption("only this one (default: each that has an entry)"));
  addServeOptions(command)
    .option("--json", "print one JSON object", false)
    .addHelpText(
      "after",
      "\nExamples:\n  pyro host repair codex\n  pyro host repair claude-code --profile workspace-core",
    )
    .action(async (agent: string, options: RepairOptions) => {
      const { repairHost } = await import("../../integrations/repair-host.ts");
      const { scope, json } = options;
      const connections = await repairHost(agent, { scope, serve: serveOptions(options) });
      if (json) return printResult(io, "hostRepair", { connections });
      for (const one of connections) printConnection(io, one);
    });
}
