import { type ChildProcess, spawn } from "node:child_process";

const stopTimeoutMs = 10_000;
const outputCharactersMax = 65_536;

/** A program to run as a person would from a shell. */
export interface Program {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
}

export interface TimedRun {
  /** From just before it was started until it was gone. */
  readonly wallMs: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end and fails unless it succeeds. An abort ends it first, gently. */
export async function runTimed(program: Program, signal: AbortSignal): Promise<TimedRun> {
  signal.throwIfAborted();
  const startedAt = performance.now();
  const child = spawn(program.command, program.args, {
    env: program.env,
    stdio: ["ignore", "pipe", "pipe"],
  });
  const output = { stdout: collect(child.stdout), stderr: collect(child.stderr) };
  const stopping = stopOnAbort(child, signal);
  try {
    const { code, endedAt } = await endOf(child);
    signal.throwIfAborted();
    const [stdout, stderr] = [output.stdout(), output.stderr()];
    if (code !== 0)
      throw new Error(`${describe(program)} ended with ${code}: ${stderr.trim().slice(-600)}`);
    return { wallMs: endedAt - startedAt, stdout, stderr };
  } finally {
    stopping[Symbol.dispose]();
  }
}

/** Settles when the process is gone and its output read; the time is that of the former. */
function endOf(child: ChildProcess): Promise<{ code: number | string | null; endedAt: number }> {
  return new Promise((resolve, reject) => {
    let endedAt = 0;
    child.once("exit", () => {
      endedAt = performance.now();
    });
    child.once("error", reject);
    child.once("close", (code, name) => resolve({ code: code ?? name, endedAt }));
  });
}

function stopOnAbort(child: ChildProcess, signal: AbortSignal): Disposable {
  let timer: NodeJS.Timeout | undefined;
  const stop = () => {
    child.kill("SIGTERM");
    timer = setTimeout(() => child.kill("SIGKILL"), stopTimeoutMs);
  };
  signal.addEventListener("abort", stop, { once: true });
  return {
    [Symbol.dispose]: () => {
      signal.removeEventListener("abort", stop);
      clearTimeout(timer);
    },
  };
}

function collect(stream: NodeJS.ReadableStream): () => string {
  let text = "";
  stream.setEncoding("utf8");
  stream.on("data", (chunk: string) => {
    text = (text + chunk).slice(-outputCharactersMax);
  });
  return () => text;
}

function describe({ command, args }: Program): string {
  return [command, ...args].join(" ").slice(0, 200);
}
