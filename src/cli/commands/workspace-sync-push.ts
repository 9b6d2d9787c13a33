import type { Command } from "commander";
import { visibleText, type WorkspaceSync } from "../../index.ts";
import type { CommandContext, JsonOption } from "../context.ts";
import { watchInterrupts } from "../interrupt.ts";
import type { IO } from "../io.ts";
import { printLeftOut } from "../listings/left-out.ts";
import { counted } from "../listings/named-lines.ts";
import { formatBytes, printLine, printResult } from "../printer.ts";
import { showProgress, silentProgress } from "../progress-bar.ts";
import { idMeaning } from "../workspace-arguments.ts";

interface PushOptions extends JsonOption {
  readonly dest?: string;
  readonly respectGitignore: boolean;
  readonly includeOuterGit: boolean;
}

export function addWorkspaceSyncPush(group: Command, { io, openPyro }: CommandContext): void {
  group
    .command("push")
    .summary("copy a host directory or archive into a workspace")
    .description("Adds and replaces files; what is only in the workspace stays.")
    .argument("<id>", idMeaning)
    .argument("<source>", "directory, .tar, .tar.gz or .tgz of this host")
    .option("--dest <path>", "directory that receives the content (default: /workspace)")
    .option(
      "--respect-gitignore",
      "leave out what .gitignore files in the source name and git does not track",
      false,
    )
    .option("--include-outer-git", "bring what its Git checkout uses outside of the source", false)
    .option("--json", "print one JSON object", false)
    .addHelpText(
      "after",
      "\nExamples:\n  pyro workspace sync push demo ./src --dest src\n  pyro workspace sync push demo fixtures.tar.gz --dest /workspace/fixtures",
    )
    .action(async (id: string, source: string, { json, ...options }: PushOptions) => {
      using interrupt = watchInterrupts();
      using pyro = openPyro();
      using progress = json ? silentProgress() : showProgress(io, id);
      const result = await pyro.pushWorkspaceSync(id, source, {
        ...options,
        signal: interrupt.signal,
        onProgress: progress.report,
      });
      progress[Symbol.dispose]();
      if (json) return printResult(io, "workspaceSync", result);
      printSync(io, result);
    });
}

/** What was copied; on stderr what was not. */
export function printSync(io: IO, result: WorkspaceSync): void {
  const { source, dest, entryCount, bytes } = result;
  const size = `${counted(entryCount, "entry", "entries")}, ${formatBytes(bytes)}`;
  printLine(io, `Copied ${visibleText(source)} to ${visibleText(dest)}: ${size}.`);
  printLeftOut(io, result);
}
