import { PassThrough } from "node:stream";
import type { InputKind, IO } from "../../../src/cli/io.ts";
import { runCommandLine } from "../../../src/cli/program.ts";
import type { Pyro } from "../../../src/index.ts";

export interface TerminalOptions {
  /** Whether a person reads. Default false: both streams are pipes. */
  readonly isTerminal?: boolean;
  readonly color?: boolean;
  readonly width?: number;
  readonly height?: number;
  /** What stands on standard input. */
  readonly input?: string;
  /** Default data. */
  readonly inputKind?: InputKind;
}

export interface Terminal {
  readonly io: IO;
  /** What was written since the last time. */
  read(): { readonly stdout: string; readonly stderr: string };
  /** What was written to stdout since the last time, as it is. */
  readBytes(): Buffer;
}

/** A terminal or a pair of pipes that keeps what is written to it. */
export function openTerminal(options: TerminalOptions = {}): Terminal {
  const { isTerminal = false, color = false, width = 80, height = 24, input = "" } = options;
  const { inputKind = "data" } = options;
  const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()];
  stdin.end(input);
  const io: IO = {
    stdin,
    inputKind,
    stdout,
    stderr,
    stderrIsTerminal: isTerminal,
    stdoutIsTerminal: isTerminal,
    color,
    width,
    height,
  };
  const text = (stream: PassThrough) => String(stream.read() ?? "");
  return {
    io,
    read: () => ({ stdout: text(stdout), stderr: text(stderr) }),
    readBytes: () => stdout.read() ?? Buffer.alloc(0),
  };
}

/** What `print` writes, both streams together. */
export function printed(print: (io: IO) => void, options: TerminalOptions = {}): string {
  const { io, read } = openTerminal(options);
  print(io);
  const { stdout, stderr } = read();
  return stdout + stderr;
}

export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions extends TerminalOptions {
  /** Stands for the SDK; without one the real one is opened. */
  readonly pyro?: Pyro;
}

/** Runs one command line in this process. */
export async function pyroCommand(
  args: readonly string[],
  { pyro, ...options }: RunOptions = {},
): Promise<Ended> {
  const { io, read } = openTerminal(options);
  const code =
    pyro === undefined
      ? await runCommandLine(args, io)
      : await runCommandLine(args, io, () => pyro);
  return { code, ...read() };
}
