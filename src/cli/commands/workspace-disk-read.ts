import type { Command } from "commander";
import { defaults } from "../../index.ts";
import { type CommandContext, type JsonOption, wholeNumberArgument } from "../context.ts";
import { watchInterrupts } from "../interrupt.ts";
import { printResult } from "../printer.ts";
import { idMeaning } from "../workspace-arguments.ts";
import { printFileContent } from "./workspace-file-read.ts";

interface ReadOptions extends JsonOption {
  readonly maxBytes: number;
}

export function addWorkspaceDiskRead(group: Command, { io, openPyro }: CommandContext): void {
  group
    .command("read")
    .summary("the content of one file")
    .description(
      "Prints the beginning of a file of a stopped workspace. In a pipe these are its exact bytes; on a terminal control characters are made visible.",
    )
    .argument("<id>", idMeaning)
    .argument("<path>", "file, absolute or relative to /workspace")
    .option("--max-bytes <n>", "how much to read", wholeNumberArgument, defaults.fileReadBytes)
    .option("--json", "print one JSON object", false)
    .addHelpText(
      "after",
      "\nExamples:\n  pyro workspace disk read demo /var/log/dpkg.log\n  pyro workspace disk read demo core --max-bytes 16777216 > core",
    )
    .action(async (id: string, path: string, { maxBytes, json }: ReadOptions) => {
      using interrupt = watchInterrupts();
      using pyro = openPyro();
      const { signal } = interrupt;
      const content = await pyro.readWorkspaceDisk(id, path, { maxBytes, signal });
      if (json) return printResult(io, "workspaceFileRead", content);
      printFileContent(io, content, maxBytes);
    });
}
