import type { Command } from "commander";
import { Pyro, visibleText } from "../../index.ts";
import type { CommandContext, JsonOption } from "../context.ts";
import { formatBytes, printResult, printTable } from "../printer.ts";

export function addEnvInspect(group: Command, { io }: CommandContext): void {
  group
    .command("inspect")
    .summary("what an environment is and what it asks for")
    .description(
      "Says where an environment comes from, what is in it, and what its image asks for.",
    )
    .argument("<environment>", "catalog name or image reference")
    .option("--json", "print one JSON object", false)
    .addHelpText(
      "after",
      "\nExamples:\n  pyro env inspect debian:12\n  pyro env inspect docker.io/library/python:3.12 --json",
    )
    .action(async (environment: string, { json }: JsonOption) => {
      using pyro = new Pyro();
      const detail = await pyro.inspectEnvironment(environment);
      if (json) return printResult(io, "environmentDetail", detail);
      const list = (items: readonly string[] | null) =>
        items === null || items.length === 0
          ? "-"
          : items.map((item) => visibleText(item)).join(" ");
      printTable(io, [
        ["environment", detail.environment],
        [
          "installed",
          detail.installed
            ? `${detail.createdAt} (${formatBytes(detail.diskBytes ?? 0)}, ${detail.entryCount} entries)`
            : "no",
        ],
        ["cpu", detail.cpu === null ? "-" : `x86-64-${detail.cpu} where it is emulated`],
        ["source", visibleText(detail.source)],
        ["packages", list(detail.packages)],
        ["env", list(detail.env)],
        ["working dir", list(detail.workingDirectory === null ? null : [detail.workingDirectory])],
        ["user", list(detail.user === null ? null : [detail.user])],
        ["entrypoint", `${list(detail.entrypoint)} (recorded, never run)`],
      ]);
    });
}
