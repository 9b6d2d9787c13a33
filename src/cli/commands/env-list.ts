import type { Command } from "commander";
import { Pyro } from "../../index.ts";
import type { CommandContext, JsonOption } from "../context.ts";
import { formatBytes, printNote, printResult, printTable } from "../printer.ts";

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
        `${one.createdAt?.slice(0, 10) ?? "-"}${one.outdated ? ", outdated" : ""}`,
        one.summary ?? one.source,
      ]);
      printTable(io, [["ENVIRONMENT", "INSTALLED", "BUILT", "WHAT"], ...rows]);
      const outdated = list.environments.find((one) => one.outdated);
      if (outdated) printNote(io, `Build it anew: pyro env pull ${outdated.environment}`);
    });
}
