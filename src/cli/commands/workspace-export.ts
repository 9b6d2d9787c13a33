import { type Command, Option } from "commander";
import {
  PyroError,
  visibleText,
  type WorkspaceExport,
  type WorkspacePatchExport,
} from "../../index.ts";
import type { CommandContext, JsonOption } from "../context.ts";
import { watchInterrupts } from "../interrupt.ts";
import type { IO } from "../io.ts";
import { leftOutLine, printLeftOut } from "../listings/left-out.ts";
import { counted, printWarning } from "../listings/named-lines.ts";
import { printRunsWhenOpened } from "../listings/runs-when-opened.ts";
import { formatBytes, printLine, printNote, printResult } from "../printer.ts";
import { showProgress, silentProgress } from "../progress-bar.ts";
import { idMeaning } from "../workspace-arguments.ts";

interface ExportOptions extends JsonOption {
  readonly output?: string;
  readonly patch?: string;
  readonly leaveOutSelfRunning?: boolean;
}

export function addWorkspaceExport(group: Command, context: CommandContext): void {
  group
    .command("export")
    .summary("files, or all changes as a patch, to this host")
    .description(
      "Copies one file or directory out, or writes what changed as a patch. Nothing is ever overwritten.",
    )
    .argument("<id>", idMeaning)
    .argument("[path...]", "what to export: one path, or any number with --patch")
    .option("--output <host-path>", "where the copy goes; must not exist")
    .addOption(
      new Option("--patch <file>", "where the patch goes; must not exist").conflicts("output"),
    )
    .addOption(
      new Option(
        "--leave-out-self-running",
        "leave out what runs by itself when the copy is opened, entered or committed in",
      ).conflicts("patch"),
    )
    .option("--json", "print one JSON object", false)
    .addHelpText(
      "after",
      "\nExamples:\n  pyro workspace export demo dist --output ./dist\n  pyro workspace export demo --patch fix.patch src",
    )
    .action((id: string, paths: string[], options: ExportOptions) =>
      options.patch === undefined
        ? exportTree(context, { id, paths, ...options })
        : exportPatch(context, { id, paths, json: options.json, patch: options.patch }),
    );
}

interface ExportCall extends ExportOptions {
  readonly id: string;
  readonly paths: readonly string[];
}

async function exportTree({ io, openPyro }: CommandContext, call: ExportCall): Promise<void> {
  const { id, json, output } = call;
  const [path, ...others] = call.paths;
  if (output === undefined)
    throw wrongUse(
      "Nothing says where the export goes.",
      "Give --output HOST_PATH or --patch FILE.",
    );
  if (path === undefined)
    throw wrongUse("Nothing says what to export.", "Name a path, e.g. /workspace for all of it.");
  if (others.length > 0)
    throw wrongUse(
      `--output takes one path, but ${call.paths.length} are given.`,
      "Export the directory that holds them, or use --patch FILE.",
    );
  using interrupt = watchInterrupts();
  using pyro = openPyro();
  using progress = json ? silentProgress() : showProgress(io, id);
  const result = await pyro.exportWorkspace(id, path, {
    outputPath: output,
    leaveOutSelfRunning: call.leaveOutSelfRunning,
    signal: interrupt.signal,
    onProgress: progress.report,
  });
  progress[Symbol.dispose]();
  if (json) return printResult(io, "workspaceExport", result);
  printExport(io, result);
}

async function exportPatch(
  { io, openPyro }: CommandContext,
  { id, paths, json, patch }: ExportCall & { readonly patch: string },
): Promise<void> {
  using interrupt = watchInterrupts();
  using pyro = openPyro();
  const result = await pyro.exportWorkspacePatch(id, {
    ...(paths.length > 0 && { paths }),
    outputPath: patch,
    signal: interrupt.signal,
  });
  if (json) return printResult(io, "workspacePatchExport", result);
  printPatchExport(io, result);
}

function wrongUse(message: string, hint: string): PyroError {
  return new PyroError("invalid_argument", message, { hint });
}

/** What was copied; on stderr what deserves a look. */
export function printExport(io: IO, result: WorkspaceExport): void {
  const { entryCount, bytes, path, outputPath, strippedCount, leavingLinks } = result;
  const size = `${counted(entryCount, "entry", "entries")}, ${formatBytes(bytes)}`;
  printLine(io, `Exported ${visibleText(path)} to ${visibleText(outputPath)}: ${size}.`);
  printLeftOut(io, result);
  printWarning(io, {
    title: `${counted(leavingLinks.length, "link points", "links point")} out of the exported tree:`,
    lines: leavingLinks.map((link) => visibleText(link)),
  });
  if (strippedCount > 0)
    printNote(io, `warning: ${counted(strippedCount, "file")} lost setuid or setgid.`);
  printRunsWhenOpened(io, result.runsWhenOpened);
}

/** What the patch holds; on stderr what deserves a look. */
export function printPatchExport(io: IO, result: WorkspacePatchExport): void {
  const { outputPath, fileCount, insertions, deletions, omitted } = result;
  printLine(
    io,
    `Wrote ${visibleText(outputPath)}: ${counted(fileCount, "file")}, +${insertions} -${deletions}.`,
  );
  printWarning(io, {
    title: `${counted(omitted.length, "change is", "changes are")} not in the patch:`,
    lines: omitted.map(leftOutLine),
  });
  printRunsWhenOpened(io, result.runsWhenOpened);
}
