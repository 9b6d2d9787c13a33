import type { Command } from "commander";
import { visibleText } from "../../index.ts";
import type { CommandContext } from "../context.ts";
import {
  addServeOptions,
  type HostOptions,
  hostMeaning,
  type ServeArguments,
  scopeOption,
  serveOptions,
} from "../host-arguments.ts";
import { printNote, printResult } from "../printer.ts";

interface PrintOptions extends HostOptions, ServeArguments {}

export function addHostPrintConfig(group: Command, { io }: CommandContext): void {
  const command = group
    .command("print-config")
    .summary("print the entry, and change nothing")
    .description("Prints what connecting would add, to put there by hand.")
    .argument("<agent>", hostMeaning)
    .addOption(scopeOption("for you, or for this project").default("user"));
  addServeOptions(command)
    .option("--json", "print one JSON object", false)
    .addHelpText(
      "after",
      "\nExamples:\n  pyro host print-config opencode\n  pyro host print-config codex --profile vm-run >> ~/.codex/config.toml",
    )
    .action(async (agent: string, options: PrintOptions) => {
      const { printConfig } = await import("../../integrations/print-config.ts");
      const result = printConfig(agent, { scope: options.scope, serve: serveOptions(options) });
      if (options.json) return printResult(io, "hostConfiguration", result);
      printNote(io, `This belongs into ${visibleText(result.path, 400)}:`);
      io.stdout.write(result.text);
    });
}
