import type { Command } from "commander";
import { Pyro } from "../../index.ts";
import type { CommandContext, JsonOption } from "../context.ts";
import { watchInterrupts } from "../interrupt.ts";
import { formatBytes, printLine, printResult } from "../printer.ts";
import { showProgress, silentProgress } from "../progress-bar.ts";

interface PullOptions extends JsonOption {
  readonly template: boolean;
}

export function addEnvPull(group: Command, { io }: CommandContext): void {
  group
    .command("pull")
    .summary("install an environment")
    .description(
      "Installs a catalog environment from the Debian archive, or any OCI image from its registry.\nImages are unpacked inside a VM, never on this host.",
    )
    .argument("<environment>", "catalog name or image reference")
    .option("--no-template", "do not save a template; the first run is slower then")
    .option("--json", "print one JSON object", false)
    .addHelpText(
      "after",
      "\nExamples:\n  pyro env pull debian:12\n  pyro env pull docker.io/library/python:3.12",
    )
    .action(async (environment: string, { json, template }: PullOptions) => {
      using interrupt = watchInterrupts();
      using pyro = new Pyro();
      using progress = json ? silentProgress() : showProgress(io, environment);
      const result = await pyro.pullEnvironment(environment, {
        template,
        signal: interrupt.signal,
        onProgress: progress.report,
      });
      progress[Symbol.dispose]();
      if (json) return printResult(io, "pull", result);
      const how = result.alreadyInstalled ? "already installed" : "installed";
      printLine(
        io,
        `${result.environment} ${how}: ${formatBytes(result.diskBytes ?? 0)} from ${result.source}`,
      );
    });
}
