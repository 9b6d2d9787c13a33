import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import type { Readable, Writable } from "node:stream";

/** How a program ended and what it said. */
export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
  /** Standard output as it came. */
  readonly bytes: Buffer;
}

export interface StartOptions {
  /** Added to the environment. */
  readonly env?: Record<string, string>;
  /** Given on standard input, which then ends. Absent: standard input is empty. */
  readonly input?: string | Buffer;
  /** Leaves standard input open, for the test to write to. */
  readonly openInput?: boolean;
  /** Leaves standard output to the test; `stdout` is empty then. */
  readonly ownStdout?: boolean;
  readonly cwd?: string;
}

/** A program at work, in a session of its own. */
export class PyroProcess {
  readonly pid: number;
  readonly child: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly ended: Promise<Ended>;

  constructor(child: ChildProcessByStdio<Writable, Readable, Readable>, collectStdout: boolean) {
    this.child = child;
    this.pid = child.pid ?? 0;
    this.ended = collect(child, collectStdout);
    this.ended.catch(() => undefined);
  }

  /** Settles once standard output holds `text`; fails when the program ends before. */
  async said(text: string): Promise<void> {
    let seen = "";
    for (;;) {
      if (seen.includes(text)) return;
      const [chunk] = await Promise.race([
        once(this.child.stdout, "data") as Promise<[Buffer]>,
        this.ended.then((end) => {
          if (end.stdout.includes(text)) return [Buffer.from(text)];
          throw new TypeError(`ended (${end.code}) without "${text}": ${end.stderr}`);
        }),
      ]);
      seen += String(chunk);
    }
  }

  signal(name: NodeJS.Signals): void {
    this.child.kill(name);
  }

  /** Ends the process if it still runs, and waits for it. */
  async kill(): Promise<void> {
    if (this.child.exitCode === null && this.child.signalCode === null) this.child.kill("SIGKILL");
    await this.ended.catch(() => undefined);
  }
}

/** Starts `command` with nothing in its environment but `options.env`. */
export function startProcess(command: readonly string[], options: StartOptions): PyroProcess {
  const [program = "", ...args] = command;
  const child = spawn(program, args, {
    env: options.env,
    cwd: options.cwd,
    // A session of its own is how its descendants are found again, even after it has ended.
    detached: true,
    stdio: ["pipe", "pipe", "pipe"],
  });
  // A program may end before it has read its input.
  child.stdin.on("error", () => undefined);
  if (!options.openInput) child.stdin.end(options.input);
  return new PyroProcess(child, !options.ownStdout);
}

function collect(
  child: ChildProcessByStdio<Writable, Readable, Readable>,
  collectStdout: boolean,
): Promise<Ended> {
  const out: Buffer[] = [];
  const err: Buffer[] = [];
  if (collectStdout) child.stdout.on("data", (chunk: Buffer) => out.push(chunk));
  child.stderr.on("data", (chunk: Buffer) => err.push(chunk));
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    const event = collectStdout ? "close" : "exit";
    child.once(event, (code: number | null, signal: NodeJS.Signals | null) => {
      const bytes = Buffer.concat(out);
      resolve({ code, signal, bytes, stdout: String(bytes), stderr: String(Buffer.concat(err)) });
    });
  });
}
