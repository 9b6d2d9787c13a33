import { type Command, Option } from "commander";
import { visibleText, type WorkspacePatched } from "../../index.ts";
import type { CommandContext, JsonOption } from "../context.ts";
import type { IO } from "../io.ts";
import { changeLetter, changePath } from "../listings/changes.ts";
import { printLine, printNote, printResult } from "../printer.ts";
import { readInput } from "../read-input.ts";
import { idMeaning } from "../workspace-arguments.ts";

interface ApplyOptions extends JsonOption {
  readonly patch?: string;
  readonly patchFile?: string;
}

export function addWorkspacePatchApply(group: Command, context: CommandContext): void {
  group
    .command("apply")
    .summary("change files with one patch")
    .description(
      'Applies a unified diff, git\'s or plain, or a patch from "*** Begin Patch" to "*** End Patch", below /workspace: all of it or nothing. A hunk with @@ alone goes where its text fits, once.',
    )
    .argument("<id>", idMeaning)
    .addOption(new Option("--patch <text>", "the patch itself").conflicts("patchFile"))
    .option("--patch-file <file>", "a file of this host with the patch; - is stdin")
    .option("--json", "print one JSON object", false)
    .addHelpText(
      "after",
      "\nExamples:\n  pyro workspace patch apply demo --patch-file fix.patch\n  git diff | pyro workspace patch apply demo --patch-file -",
    )
    .action((id: string, options: ApplyOptions) => apply(context, id, options));
}

async function apply(
  { io, openPyro }: CommandContext,
  id: string,
  { patch, patchFile, json }: ApplyOptions,
): Promise<void> {
  const content = await readInput(io, { option: "--patch", text: patch, file: patchFile });
  using pyro = openPyro();
  const result = await pyro.applyWorkspacePatch(id, { patch: content });
  if (json) return printResult(io, "workspacePatch", result);
  printPatched(io, result);
}

/** One line a changed file, and below it how hunks were placed that did not fit exactly. */
export function printPatched(io: IO, { files }: WorkspacePatched): void {
  if (files.length === 0) printNote(io, "The patch changes nothing.");
  for (const file of files) {
    printLine(io, `${changeLetter(io, file)} ${changePath(file)}`);
    for (const note of file.notes) printLine(io, `    ${visibleText(note, 500)}`);
  }
}
