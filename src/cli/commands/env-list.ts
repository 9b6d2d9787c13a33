import type { Command } from "commander";
import { Pyro } from "../../index.ts";
import type { CommandContext, JsonOption } from "../context.ts";
import { formatBytes, printResult, printTable } from "../printer.ts";

export function addEnvList(group: Command, { io }: CommandContext): void {
  group
    .command("list")
    .summary("the catalog, and what is installed")
    .description("Lists the catalog, and what is installed of it and beside it.")
    .option("--json", "print one JSON object", false)
    .addHelpText(
      "after",
      "\nExamples:\n  pyro env list\n  pyro env list --json | jq -r '.environments[].environment'",
    )
    .action(async ({ json }: JsonOption) => {
      using pyro = new Pyro();
      const list = await pyro.listEnvironments();
      if (json) return printResult(io, "environmentList", list);
      const rows = list.environments.map((one) => [
        one.environment,
        one.diskBytes === null ? "-" : formatBytes(one.diskBytes),
        one.createdAt?.slice(0, 10) ?? "-",
        one.summary ?? one.source,
      ]);
      printTable(io, [["ENVIRONMENT", "INSTALLED", "BUILT", "WHAT"], ...rows]);
    });
}
