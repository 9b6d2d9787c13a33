import type { Readable } from "node:stream";
import { type Command, Option } from "commander";
import type { IO } from "./io.ts";

/** Whether a command in a guest reads this process's standard input. */
export interface InputOptions {
  readonly interactive: boolean;
  /** False with --no-stdin. */
  readonly stdin: boolean;
}

export function addInputOptions(command: Command): Command {
  const interactive = new Option("-i, --interactive", "let the command read what is typed here");
  return command
    .addOption(interactive.default(false).conflicts("stdin"))
    .option("-n, --no-stdin", "do not pass standard input on, as in a loop that reads a list");
}

/**
 * What the command reads, undefined for nothing. A terminal is not passed on unasked: a program that looks
 * at its input would wait for somebody who does not know that he is waited for.
 */
export function commandInput(io: IO, { interactive, stdin }: InputOptions): Readable | undefined {
  if (!stdin || io.inputKind === "nothing") return undefined;
  return io.inputKind === "terminal" && !interactive ? undefined : io.stdin;
}
