import type { Readable, Writable } from "node:stream";
import { readConfig } from "../index.ts";

/** Everything a command touches of its terminal, passed in so that tests need no subprocess. */
export interface IO {
  readonly stdin: Readable & { readonly isTTY?: boolean };
  readonly stdout: Writable;
  readonly stderr: Writable;
  /** Whether talk on stderr is read by a person at a terminal. */
  readonly stderrIsTerminal: boolean;
  readonly stdoutIsTerminal: boolean;
  readonly color: boolean;
  /** Columns of the terminal; 80 when there is none. */
  readonly width: number;
}

export function processIO(): IO {
  const { stdin, stdout, stderr } = process;
  return {
    stdin,
    stdout,
    stderr,
    stderrIsTerminal: stderr.isTTY === true,
    stdoutIsTerminal: stdout.isTTY === true,
    color: stdout.isTTY === true && !readConfig().noColor,
    width: stdout.columns || 80,
  };
}
