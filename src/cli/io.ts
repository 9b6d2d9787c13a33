import { fstatSync } from "node:fs";
import type { Readable, Writable } from "node:stream";
import { isatty } from "node:tty";
import { readConfig } from "../index.ts";

/** What standard input is: a person who types, nothing (`/dev/null`), or the data of a pipe or a file. */
export type InputKind = "terminal" | "nothing" | "data";

/** Everything a command touches of its terminal, passed in so that tests need no subprocess. */
export interface IO {
  readonly stdin: Readable;
  readonly inputKind: InputKind;
  readonly stdout: Writable;
  readonly stderr: Writable;
  /** Whether talk on stderr is read by a person at a terminal. */
  readonly stderrIsTerminal: boolean;
  readonly stdoutIsTerminal: boolean;
  readonly color: boolean;
  /** Columns of the terminal; 80 when there is none. */
  readonly width: number;
  /** Lines of the terminal; 24 when there is none. */
  readonly height: number;
}

export function processIO(): IO {
  const { stdin, stdout, stderr } = process;
  return {
    stdin,
    inputKind: inputKindOf(stdin.fd),
    stdout,
    stderr,
    stderrIsTerminal: stderr.isTTY === true,
    stdoutIsTerminal: stdout.isTTY === true,
    color: stdout.isTTY === true && !readConfig().noColor,
    // Asked anew each time: a window changes its size while something is watched.
    get width() {
      return stdout.columns || 80;
    },
    get height() {
      return stdout.rows || 24;
    },
  };
}

/** Device number of `/dev/null`: major 1, minor 3. */
const nullDevice = 0x103;

function inputKindOf(fd: number): InputKind {
  if (isatty(fd)) return "terminal";
  const stats = fstatSync(fd);
  return stats.isCharacterDevice() && stats.rdev === nullDevice ? "nothing" : "data";
}
