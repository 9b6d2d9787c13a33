import { type Command, Option } from "commander";
import { type Pyro, PyroError, type WorkspaceLogs } from "../../index.ts";
import { type CommandContext, type JsonOption, wholeNumberArgument } from "../context.ts";
import type { IO } from "../io.ts";
import { droppedTexts, lateDroppedText, printLoggedCommand } from "../listings/logged-command.ts";
import { writeTo } from "../live-command.ts";
import { printLine, printNote, printResult } from "../printer.ts";
import { idMeaning } from "../workspace-arguments.ts";

interface LogsOptions extends JsonOption {
  readonly sequence?: number;
  readonly last?: number;
  readonly after?: number;
  readonly raw: boolean;
}

export function addWorkspaceLogs(group: Command, context: CommandContext): void {
  group
    .command("logs")
    .summary("the commands that ran, with their output")
    .description(
      "The commands since the last reset, as a terminal would have shown them. Control characters in their output are made visible; --raw prints the output of one command as it was.",
    )
    .argument("<id>", idMeaning)
    .option("--sequence <n>", "only the command with this number", wholeNumberArgument)
    .addOption(
      new Option("--last <n>", "only the last so many")
        .argParser(wholeNumberArgument)
        .conflicts("sequence"),
    )
    .option("--after <n>", "only commands after this number", wholeNumberArgument)
    .addOption(
      new Option("--raw", "output as it was, with --sequence").default(false).conflicts("json"),
    )
    .option(
      "--json",
      "print one page as one JSON object; its nextAfter is the next one's --after",
      false,
    )
    .addHelpText(
      "after",
      "\nExamples:\n  pyro workspace logs demo --last 3\n  pyro workspace logs demo --sequence 7 --raw > build.log",
    )
    .action((id: string, options: LogsOptions) => logs(context, id, options));
}

async function logs(
  { io, openPyro }: CommandContext,
  id: string,
  { sequence, last, after, raw, json }: LogsOptions,
): Promise<void> {
  using pyro = openPyro();
  if (raw) return await writeRawOutput(io, pyro, { id, sequence });
  const found = await pyro.logsWorkspace(id, { sequence, last, after });
  if (sequence !== undefined && found.commands.length === 0)
    throw new PyroError("invalid_argument", `No command since the last reset is #${sequence}.`, {
      hint: `See which there are: pyro workspace logs ${id}`,
    });
  if (json) return printResult(io, "workspaceLogs", found);
  if (found.forgottenCommandCount > 0)
    printNote(io, `The oldest ${found.forgottenCommandCount} commands are not kept any more.`);
  printLogs(io, found, Date.now());
  for (let next = found.nextAfter; next; ) {
    const page = await pyro.logsWorkspace(id, { after: next });
    printLine(io);
    printLogs(io, page, Date.now());
    next = page.nextAfter;
  }
}

async function writeRawOutput(
  io: IO,
  pyro: Pyro,
  { id, sequence }: { readonly id: string; readonly sequence: number | undefined },
): Promise<void> {
  if (sequence === undefined)
    throw new PyroError("invalid_argument", "--raw prints one command, but none is named.", {
      hint: "Add --sequence N; pyro workspace logs shows the numbers.",
    });
  const ended = await pyro.replayCommandOutput(id, {
    sequence,
    onStdout: writeTo(io.stdout),
    onStderr: writeTo(io.stderr),
  });
  for (const text of [...droppedTexts(ended), lateDroppedText(ended)])
    if (text !== undefined) printNote(io, `note: ${text}`);
}

/** The commands one after the other, an empty line between them. */
export function printLogs(
  io: IO,
  { commands }: Pick<WorkspaceLogs, "workspaceId" | "commands">,
  nowMs: number,
): void {
  if (commands.length === 0) printNote(io, "No command ran since the last reset.");
  for (const [at, command] of commands.entries()) {
    if (at > 0) printLine(io);
    printLoggedCommand(io, command, nowMs);
  }
}
