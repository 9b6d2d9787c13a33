import type { Command } from "commander";
import type { CommandContext, JsonOption } from "../context.ts";
import { watchInterrupts } from "../interrupt.ts";
import { printFileList } from "../listings/file-list.ts";
import { printNote, printResult } from "../printer.ts";
import { idMeaning } from "../workspace-arguments.ts";

interface ListOptions extends JsonOption {
  readonly recursive: boolean;
}

export function addWorkspaceDiskList(group: Command, { io, openPyro }: CommandContext): void {
  group
    .command("list")
    .summary("the files of a directory")
    .description("Lists a directory of a stopped workspace, anywhere in the guest.")
    .argument("<id>", idMeaning)
    .argument("[path]", "file or directory, absolute or relative to /workspace", "/workspace")
    .option("--recursive", "with everything below", false)
    .option("--json", "print one JSON object", false)
    .addHelpText(
      "after",
      "\nExamples:\n  pyro workspace disk list demo /etc\n  pyro workspace disk list demo --recursive --json | jq -r '.entries[].path'",
    )
    .action(async (id: string, path: string, { recursive, json }: ListOptions) => {
      using interrupt = watchInterrupts();
      using pyro = openPyro();
      const { signal } = interrupt;
      const list = await pyro.listWorkspaceDisk(id, { path, recursive, signal });
      if (json) return printResult(io, "workspaceFileList", list);
      if (list.entries.length === 0) return printNote(io, "The directory is empty.");
      printFileList(io, list);
    });
}
