import type { Command } from "commander";
import type { CommandContext, JsonOption } from "../context.ts";
import { printFileList } from "../listings/file-list.ts";
import { printNote, printResult } from "../printer.ts";
import { idMeaning } from "../workspace-arguments.ts";

interface ListOptions extends JsonOption {
  readonly recursive: boolean;
}

export function addWorkspaceFileList(group: Command, { io, openPyro }: CommandContext): void {
  group
    .command("list")
    .summary("the files of a directory")
    .description("Lists a directory of a started workspace.")
    .argument("<id>", idMeaning)
    .argument("[path]", "file or directory, relative to /workspace or absolute", "/workspace")
    .option("--recursive", "with everything below", false)
    .option("--json", "print one JSON object", false)
    .addHelpText(
      "after",
      "\nExamples:\n  pyro workspace file list demo src\n  pyro workspace file list demo --recursive --json | jq -r '.entries[].path'",
    )
    .action(async (id: string, path: string, { recursive, json }: ListOptions) => {
      using pyro = openPyro();
      const list = await pyro.listWorkspaceFiles(id, { path, recursive });
      if (json) return printResult(io, "workspaceFileList", list);
      if (list.entries.length === 0) return printNote(io, "The directory is empty.");
      printFileList(io, list);
    });
}
