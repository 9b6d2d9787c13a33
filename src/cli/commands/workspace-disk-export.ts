import type { Command } from "commander";
import { visibleText, type WorkspaceDiskExport } from "../../index.ts";
import type { CommandContext, JsonOption } from "../context.ts";
import { watchInterrupts } from "../interrupt.ts";
import type { IO } from "../io.ts";
import { counted } from "../listings/named-lines.ts";
import { formatBytes, printLine, printResult } from "../printer.ts";
import { showProgress, silentProgress } from "../progress-bar.ts";
import { idMeaning } from "../workspace-arguments.ts";

interface ExportOptions extends JsonOption {
  readonly output: string;
}

export function addWorkspaceDiskExport(group: Command, { io, openPyro }: CommandContext): void {
  group
    .command("export")
    .summary("everything, as one ext4 image")
    .description(
      "Writes all files of a stopped workspace's guest, /workspace among them, as one raw ext4 image. Nothing is ever overwritten.",
    )
    .argument("<id>", idMeaning)
    .requiredOption("--output <file>", "where the image goes; must not exist")
    .option("--json", "print one JSON object", false)
    .addHelpText(
      "after",
      "\nExamples:\n  pyro workspace disk export demo --output demo.ext4\n  pyro workspace disk export demo --output demo.ext4 --json | jq .stored_bytes",
    )
    .action(async (id: string, { output, json }: ExportOptions) => {
      using interrupt = watchInterrupts();
      using pyro = openPyro();
      using progress = json ? silentProgress() : showProgress(io, id);
      const result = await pyro.exportWorkspaceDisk(id, {
        outputPath: output,
        signal: interrupt.signal,
        onProgress: progress.report,
      });
      progress[Symbol.dispose]();
      if (json) return printResult(io, "workspaceDiskExport", result);
      printDiskExport(io, result);
    });
}

export function printDiskExport(io: IO, result: WorkspaceDiskExport): void {
  const { outputPath, bytes, storedBytes, entryCount } = result;
  const entries = counted(entryCount, "entry", "entries");
  printLine(
    io,
    `Exported ${entries} to ${visibleText(outputPath)}: ${formatBytes(bytes)}, of which ${formatBytes(storedBytes)} are taken.`,
  );
}
