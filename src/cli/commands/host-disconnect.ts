import type { Command } from "commander";
import type { CommandContext } from "../context.ts";
import { type HostOptions, hostMeaning, printConnection, scopeOption } from "../host-arguments.ts";
import { printResult } from "../printer.ts";

interface DisconnectOptions extends HostOptions {
  readonly force: boolean;
}

export function addHostDisconnect(group: Command, { io }: CommandContext): void {
  group
    .command("disconnect")
    .summary("take it away again")
    .description("Takes away exactly what connecting gave. Workspaces live on.")
    .argument("<agent>", hostMeaning)
    .addOption(scopeOption("for you, or for this project").default("user"))
    .option("--force", "remove an entry named pyro that is not ours", false)
    .option("--json", "print one JSON object", false)
    .addHelpText(
      "after",
      "\nExamples:\n  pyro host disconnect codex\n  pyro host disconnect claude-code --scope project",
    )
    .action(async (agent: string, { scope, force, json }: DisconnectOptions) => {
      const { disconnectHost } = await import("../../integrations/disconnect-host.ts");
      const result = await disconnectHost(agent, { scope, force });
      if (json) return printResult(io, "hostConnection", result);
      printConnection(io, result);
    });
}
