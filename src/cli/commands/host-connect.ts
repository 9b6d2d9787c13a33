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

interface ConnectOptions extends HostOptions, ServeArguments {
  readonly force: boolean;
}

export function addHostConnect(group: Command, { io }: CommandContext): void {
  const command = group
    .command("connect")
    .summary("give a coding agent our MCP server")
    .description(
      "Adds this pyro to the configuration of a coding agent, or brings its entry up to date.\nEverything else in the file stays as it is; a copy is kept beside it.",
    )
    .argument("<agent>", hostMeaning)
    .addOption(scopeOption("for you, or for this project").default("user"));
  addServeOptions(command)
    .option("--force", "replace an entry named pyro that is not ours", false)
    .option("--json", "print one JSON object", false)
    .addHelpText(
      "after",
      "\nExamples:\n  pyro host connect claude-code\n  pyro host connect codex --profile workspace-full --project-path .",
    )
    .action(async (agent: string, options: ConnectOptions) => {
      const { connectHost } = await import("../../integrations/connect-host.ts");
      const { scope, force, json } = options;
      const result = await connectHost(agent, { scope, force, serve: serveOptions(options) });
      if (json) return printResult(io, "hostConnection", result);
      printConnection(io, result);
    });
}
