import { type Command, Option } from "commander";
import {
  type OutputSink,
  type StreamedDiff,
  visibleText,
  type WorkspaceDiff,
} from "../../index.ts";
import type { CommandContext, JsonOption } from "../context.ts";
import { watchInterrupts } from "../interrupt.ts";
import type { IO } from "../io.ts";
import { unifiedDiffLines } from "../listings/unified-diff.ts";
import { writeTo } from "../live-command.ts";
import { printLine, printNote, printResult } from "../printer.ts";
import { idMeaning } from "../workspace-arguments.ts";

interface DiffOptions extends JsonOption {
  readonly stat: boolean;
  readonly nameOnly: boolean;
}

export function addWorkspaceDiff(group: Command, { io, openPyro }: CommandContext): void {
  group
    .command("diff")
    .summary("what changed since the workspace was created")
    .description(
      "Unified text of everything that differs from the state at creation. In a pipe it is a patch, byte for byte; binary files are only named, and whole in export --patch.",
    )
    .argument("<id>", idMeaning)
    .argument("[path...]", "only these files and directories")
    .addOption(new Option("--stat", "one line a file").default(false).conflicts("nameOnly"))
    .option("--name-only", "only the paths", false)
    .option("--json", "print one JSON object", false)
    .addHelpText(
      "after",
      "\nExamples:\n  pyro workspace diff demo --stat\n  pyro workspace diff demo src > fix.patch",
    )
    .action(async (id: string, paths: string[], { json, ...options }: DiffOptions) => {
      using interrupt = watchInterrupts();
      using pyro = openPyro();
      const chosen = { ...(paths.length > 0 && { paths }), signal: interrupt.signal };
      const isPatch = !json && !options.stat && !options.nameOnly && !io.stdoutIsTerminal;
      if (isPatch)
        return await writePatch(io, (onData) =>
          pyro.streamWorkspaceDiff(id, { ...chosen, onData }),
        );
      const diff = await pyro.diffWorkspace(id, chosen);
      if (json) return printResult(io, "workspaceDiff", diff);
      printDiff(io, diff, options);
    });
}

async function writePatch(
  io: IO,
  stream: (onData: OutputSink) => Promise<StreamedDiff>,
): Promise<void> {
  const { fileCount } = await stream(writeTo(io.stdout));
  if (fileCount === 0) printNote(io, "Nothing changed.");
}

/** The diff for people: colours, and control characters made visible. */
export function printDiff(
  io: IO,
  diff: WorkspaceDiff,
  { stat, nameOnly }: Omit<DiffOptions, "json">,
): void {
  if (diff.changes.length === 0) {
    printNote(io, "Nothing changed.");
  } else if (nameOnly) {
    for (const { path } of diff.changes) printLine(io, visibleText(path, 4096));
  } else if (stat) {
    printLine(io, visibleText(diff.stat.trimEnd(), Number.POSITIVE_INFINITY, "lines"));
  } else for (const line of unifiedDiffLines(io, diff.diff)) printLine(io, line);
}
