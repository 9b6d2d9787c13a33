import { type Command, Option } from "commander";
import { defaults, type ShellRead, visibleText } from "../../index.ts";
import { type CommandContext, type JsonOption, seconds, wholeNumberArgument } from "../context.ts";
import { exitCode } from "../exit-codes.ts";
import { watchInterrupts } from "../interrupt.ts";
import type { IO } from "../io.ts";
import { explainDenied, wayOutOf } from "../network-arguments.ts";
import { printNote, printResult } from "../printer.ts";
import { idMeaning, shellMeaning } from "../workspace-arguments.ts";

interface ReadOptions extends JsonOption {
  readonly cursor: number;
  readonly maxChars: number;
  readonly plain?: boolean;
  readonly screen?: boolean;
  readonly waitForIdleMs?: number;
  readonly waitFor?: string;
  readonly timeoutSeconds: number;
}

export function addWorkspaceShellRead(group: Command, context: CommandContext): void {
  group
    .command("read")
    .summary("what a shell wrote, or shows")
    .description(
      "Prints what a shell wrote after a cursor, and on stderr the cursor to go on from. In a pipe these are its exact bytes; on a terminal control characters are made visible.\nExits with 124 when what was waited for did not come.",
    )
    .argument("<id>", idMeaning)
    .argument("<shell>", shellMeaning)
    .option(
      "--cursor <n>",
      "where to begin: the next cursor of an earlier read",
      wholeNumberArgument,
      0,
    )
    .option("--max-chars <n>", "how much to read", wholeNumberArgument, defaults.shellReadChars)
    .addOption(
      new Option("--plain", "as a person would have read it, without control sequences").conflicts(
        "screen",
      ),
    )
    .option("--screen", "the rows of the screen as they stand now")
    .option(
      "--wait-for-idle-ms <n>",
      "wait until it has been silent that long",
      wholeNumberArgument,
    )
    .option("--wait-for <text>", "wait until this text is shown")
    .option("--timeout-seconds <s>", "how long to wait", seconds, defaults.timeoutSeconds)
    .option("--json", "print one JSON object", false)
    .addHelpText(
      "after",
      "\nExamples:\n  pyro workspace shell read demo sh-1a2b3c4d --plain --wait-for-idle-ms 300\n  pyro workspace shell read demo sh-1a2b3c4d --screen",
    )
    .action((id: string, shell: string, options: ReadOptions) =>
      read(context, { id, shell, ...options }),
    );
}

async function read(
  { io, openPyro, exit }: CommandContext,
  { id, shell, json, ...options }: ReadOptions & { readonly id: string; readonly shell: string },
): Promise<void> {
  using interrupt = watchInterrupts();
  using pyro = openPyro();
  const result = await pyro.readShell(id, shell, { ...options, signal: interrupt.signal });
  if (result.timedOut) exit(exitCode.timedOut);
  if (json) return printResult(io, "shellRead", result);
  printReading(io, result);
  explainDenied(io, result.deniedConnections, wayOutOf(id));
}

/** Exact bytes in a pipe, safe text on a terminal. */
export function printReading(io: IO, result: ShellRead): void {
  const { mode, output, outputBase64, droppedBytes } = result;
  if (droppedBytes > 0) printNote(io, `note: ${droppedBytes} bytes before this are kept no more.`);
  else if (result.truncated) printNote(io, "note: There was more before this.");
  if (mode === "raw" && !io.stdoutIsTerminal)
    io.stdout.write(outputBase64 === null ? output : Buffer.from(outputBase64, "base64"));
  else if (output !== "") {
    const shown = visibleText(output.replaceAll("\r\n", "\n"), Number.POSITIVE_INFINITY, "lines");
    io.stdout.write(shown.endsWith("\n") ? shown : `${shown}\n`);
  }
  printNote(io, `note: ${statusOf(result)}`);
}

function statusOf({
  state,
  exitCode: code,
  nextCursor,
  screen,
  timedOut,
  matched,
}: ShellRead): string {
  return [
    state === "running" ? "running" : `ended with ${code}`,
    `next cursor ${nextCursor}`,
    screen === null ? "" : `cursor at row ${screen.cursorRow}, column ${screen.cursorColumn}`,
    screen?.fullScreen ? "full-screen program" : "",
    matched === false ? "the text was not shown" : "",
    timedOut ? "timed out" : "",
  ]
    .filter((part) => part !== "")
    .join(" · ");
}
