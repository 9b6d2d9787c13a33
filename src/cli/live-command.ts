import type { Readable } from "node:stream";
import { asPyroError, type OutputSink, type ResultName, type RunResult } from "../index.ts";
import { drained } from "../platform/stream-events.ts";
import { commandInput, type InputOptions } from "./command-input.ts";
import { exitCodeOf } from "./exit-codes.ts";
import { watchInterrupts } from "./interrupt.ts";
import type { IO } from "./io.ts";
import { explainDenied, type WayOut } from "./network-arguments.ts";
import { explain, printError, printNote, printResult } from "./printer.ts";

/** How a command in a guest ended, whatever it ran in. */
type CommandEnd = Pick<
  RunResult,
  "exitCode" | "timedOut" | "outOfMemory" | "notStarted" | "hint" | "deniedConnections"
> & {
  /** Absent where nothing outlives the command. */
  readonly backgroundProcessCount?: number;
};

/** What ties a command in a guest to this terminal. */
export interface LiveStreams {
  readonly stdin: Readable | undefined;
  readonly onStdout?: OutputSink;
  readonly onStderr?: OutputSink;
  readonly signal: AbortSignal;
}

export interface LiveCommand<Result extends CommandEnd> {
  readonly io: IO;
  readonly json: boolean;
  readonly input: InputOptions;
  readonly resultName: ResultName;
  readonly timeoutSeconds: number;
  /** What is said when memory ran out. */
  readonly outOfMemory: { readonly message: string; readonly hint: string };
  readonly wayOut: WayOut;
  execute(streams: LiveStreams): Promise<Result>;
}

/**
 * Runs a guest command as if it were a program of this shell: its streams, its signals, its exit
 * code. 125 when pyro itself failed.
 */
export async function runLiveCommand<Result extends CommandEnd>(
  call: LiveCommand<Result>,
): Promise<number> {
  const { io, json } = call;
  using interrupt = watchInterrupts();
  const live = json ? {} : { onStdout: writeTo(io.stdout), onStderr: writeTo(io.stderr) };
  try {
    const stdin = commandInput(io, call.input);
    const result = await call.execute({ ...live, stdin, signal: interrupt.signal });
    if (json) await printResult(io, call.resultName, result);
    else explainEnd(call, result);
    return result.exitCode;
  } catch (error) {
    if (interrupt.exitCode !== undefined && asPyroError(error).code === "cancelled")
      return interrupt.exitCode;
    printError(io, error, { json });
    return exitCodeOf(error, { runs: true });
  }
}

/** Writes guest output as it is; a full pipe holds the guest back. */
export function writeTo(target: IO["stdout"]): OutputSink {
  return (chunk) => {
    if (target.destroyed || target.write(chunk)) return;
    return drained(target);
  };
}

/** Ends that an exit code alone does not explain. */
function explainEnd(call: LiveCommand<CommandEnd>, end: CommandEnd): void {
  const { io, timeoutSeconds, outOfMemory } = call;
  if (end.notStarted !== null) explain(io, end.notStarted);
  else if (end.timedOut)
    explain(
      io,
      `The command was stopped after ${timeoutSeconds} s.`,
      "Give it longer with --timeout-seconds.",
    );
  else if (end.outOfMemory) explain(io, outOfMemory.message, outOfMemory.hint);
  else if (end.hint !== null) printNote(io, `hint: ${end.hint}`);
  explainDenied(io, end.deniedConnections, call.wayOut);
  if (end.backgroundProcessCount) printNote(io, runningOn(end.backgroundProcessCount));
}

function runningOn(count: number): string {
  const what = count === 1 ? "1 process runs" : `${count} processes run`;
  return `${what} on in the background. What is still written is kept apart: pyro workspace logs`;
}
