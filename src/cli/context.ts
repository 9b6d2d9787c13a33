import { InvalidArgumentError, Option } from "commander";
import { cpuLevels, type Pyro } from "../index.ts";
import type { IO } from "./io.ts";

/** What every command is given. */
export interface CommandContext {
  readonly io: IO;
  /** The SDK; whoever opens it disposes it. */
  openPyro(): Pyro;
  /** Sets the exit code of the process once the command is done. */
  exit(code: number): void;
}

export interface JsonOption {
  readonly json: boolean;
}

/** A whole number on the command line; its range is checked where it is used. */
export function wholeNumberArgument(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new InvalidArgumentError(`"${text}" is not a whole number.`);
  return Number(text);
}

/** A number of seconds, fractions allowed. */
export function seconds(text: string): number {
  if (!/^\d{1,9}(\.\d{1,3})?$/.test(text))
    throw new InvalidArgumentError(`"${text}" is not a number of seconds.`);
  return Number(text);
}

/** What the CPU of an emulated guest can do. */
export function cpuOption(): Option {
  const meaning = "x86-64 level of an emulated CPU, else what the environment needs";
  return new Option("--cpu <level>", meaning).choices(cpuLevels);
}
