import { type JournaledCommand, type LoggedCommand, lastFrames, visibleText } from "../../index.ts";
import type { IO } from "../io.ts";
import { type Color, formatBytes, paint, printLine } from "../printer.ts";
import { formatDuration, relativeTime } from "../time.ts";
import { commandText } from "./command-line-text.ts";

export interface CommandEnd {
  readonly text: string;
  readonly color: Color;
  /** Why, in pyro's words; undefined where there is nothing to add. */
  readonly reason?: string;
}

/** How a command of the journal ended, in words. */
export function commandEnd(command: JournaledCommand): CommandEnd {
  const { exitCode, signal, interrupted, notStarted } = command;
  if (interrupted !== null) return failed("interrupted", interrupted);
  if (notStarted !== null) return failed("not started", notStarted);
  if (command.endedAt === null) return { text: "running", color: "yellow" };
  if (command.timedOut) return failed("timed out");
  if (command.outOfMemory) return failed("out of memory");
  if (signal !== null) return failed(`killed by ${visibleText(signal)}`);
  return exitCode === 0 ? { text: "exit 0", color: "green" } : failed(`exit ${exitCode ?? "?"}`);
}

function failed(text: string, reason?: string): CommandEnd {
  return { text, color: "red", ...(reason !== undefined && { reason: visibleText(reason, 500) }) };
}

/** How it ended and how long it took. */
export function outcomeText(io: IO, command: JournaledCommand): string {
  const { text, color } = commandEnd(command);
  const { durationMs, notStarted } = command;
  const took = durationMs === null || notStarted !== null ? "" : `, ${formatDuration(durationMs)}`;
  return `${paint(io, color, text)}${took}`;
}

/**
 * A command of the journal as a terminal would have shown it. Its output is indented, so that
 * nothing it wrote can pass for a line of this listing.
 */
export function printLoggedCommand(io: IO, command: LoggedCommand, nowMs: number): void {
  const place = command.cwd === "/workspace" ? "" : ` in ${visibleText(command.cwd)}`;
  const line = paint(io, "bold", `$ ${commandText(command.command, 1000)}`);
  const started = relativeTime(command.startedAt, nowMs);
  const when = paint(io, "dim", `(#${command.sequence}${place}, ${started})`);
  printLine(io, `${line}  ${outcomeText(io, command)}  ${when}`);
  const { reason } = commandEnd(command);
  if (reason !== undefined) printLine(io, `(${reason})`);
  const [stdoutDropped, stderrDropped] = droppedTexts(command);
  printOutput(io, command.stdout);
  printDropped(io, stdoutDropped);
  if (command.stderr !== "") printLine(io, paint(io, "dim", "stderr:"));
  printOutput(io, command.stderr);
  printDropped(io, stderrDropped);
  printLateOutput(io, command);
}

function printLateOutput(io: IO, { lateOutput, lateOutputBytes }: LoggedCommand): void {
  if (lateOutputBytes === 0) return;
  printLine(io, paint(io, "dim", "after its end:"));
  printOutput(io, lateOutput);
}

function printOutput(io: IO, output: string): void {
  if (output === "") return;
  const seen = lastFrames(output).replace(/\n$/, "");
  const text = visibleText(seen, Number.POSITIVE_INFINITY, "lines");
  printLine(io, `  ${text.replaceAll("\n", "\n  ")}`);
}

function printDropped(io: IO, text: string | undefined): void {
  if (text !== undefined) printLine(io, paint(io, "yellow", `(${text})`));
}

/** What the journal does not have of standard output and of standard error. */
export function droppedTexts(command: JournaledCommand): [string | undefined, string | undefined] {
  const { stdoutBytes, stdoutDroppedBytes, stderrBytes, stderrDroppedBytes } = command;
  return [
    droppedText("stdout", stdoutDroppedBytes, stdoutBytes),
    droppedText("stderr", stderrDroppedBytes, stderrBytes),
  ];
}

/** Where it is missing shows in the listing, and nowhere in the bytes as they were. */
export function lateDroppedText(command: { lateOutputDroppedBytes: number }): string | undefined {
  const { lateOutputDroppedBytes: dropped } = command;
  return dropped === 0
    ? undefined
    : `${formatBytes(dropped)} of what came after its end were not kept`;
}

function droppedText(stream: string, dropped: number, all: number): string | undefined {
  if (dropped === 0) return undefined;
  const bytes = formatBytes(dropped);
  if (dropped === all) return `the ${bytes} of ${stream} are not kept any more`;
  return `${bytes} from the middle of ${stream} were not kept`;
}
