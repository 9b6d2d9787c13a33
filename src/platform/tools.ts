import { type ChildProcess, spawn } from "node:child_process";
import type { Readable } from "node:stream";
import { PyroError, systemErrorCode } from "../model/errors.ts";
import { visibleText } from "../model/text.ts";
import { toolEnvironment } from "./config.ts";
import { endGroup } from "./end-group.ts";

const stderrCharactersMax = 8192;

export interface ToolOptions {
  /** Distribution package that has the program, for the hint when it is missing. */
  readonly packageName: string;
  readonly signal?: AbortSignal | undefined;
  readonly env?: Record<string, string>;
  /** Each line of stderr as it comes. */
  readonly onLine?: (line: string) => void;
  /**
   * Gives the program a process group of its own, all of which an aborted signal ends, for one that ignores signals while
   * it waits for its children and cleans up after them. `done` settles when that is over, or takes long and goes on by itself.
   */
  readonly ownGroup?: boolean;
  /** What starts the program, and ends with 127 where that is missing. Default: nothing. */
  readonly within?: readonly string[] | undefined;
}

/** A host program at work. */
export interface RunningTool {
  readonly stdout: Readable;
  /** Settles when it ended well; rejects with its last words otherwise. */
  readonly done: Promise<void>;
}

/** Starts a host program without a shell. An aborted signal kills it. */
export function startTool(
  program: string,
  args: readonly string[],
  options: ToolOptions,
): RunningTool {
  const { signal, ownGroup = false, within = [] } = options;
  const [file = program, ...all] = [...within, program, ...args];
  const child = spawn(file, all, {
    env: { ...toolEnvironment(), ...options.env },
    stdio: ["ignore", "pipe", "pipe"],
    detached: ownGroup,
    ...(signal && !ownGroup && { signal }),
  });
  const words = collectStderr(child, options.onLine);
  const ended = new Promise<void>((resolve, reject) => {
    child.once("error", (error) => reject(toolError(program, error, options)));
    child.once("close", (code, endedBy) => {
      const how = endedBy ? `was ended by ${endedBy}` : `ended with code ${code}`;
      if (code === 0) resolve();
      else if (signal?.aborted) reject(signal.reason);
      else if (code === 127 && within.length > 0) reject(missing(program, options));
      else reject(failure(program, how, words()));
    });
  });
  const done = ownGroup && signal ? untilAborted(ended, { child, signal }) : ended;
  // The caller may fail on stdout first; the rejection must not go unseen then.
  done.catch(() => undefined);
  return { stdout: child.stdout, done };
}

/** Runs a host program to its end and returns what it printed. */
export async function runTool(
  program: string,
  args: readonly string[],
  options: ToolOptions,
): Promise<string> {
  const { stdout, done } = startTool(program, args, options);
  let output = "";
  stdout.setEncoding("utf8");
  stdout.on("data", (text: string) => {
    output += text;
  });
  await done;
  return output;
}

/** Settles as `ended` does, or soon after an abort. */
async function untilAborted(
  ended: Promise<void>,
  { child, signal }: { readonly child: ChildProcess; readonly signal: AbortSignal },
): Promise<void> {
  const aborted = Promise.withResolvers<"aborted">();
  const abort = () => aborted.resolve("aborted");
  if (signal.aborted) abort();
  signal.addEventListener("abort", abort, { once: true });
  const first = await Promise.race([ended.catch(() => "ended"), aborted.promise]);
  signal.removeEventListener("abort", abort);
  if (first !== "aborted") return ended;
  await endGroup(child);
  throw signal.reason;
}

function collectStderr(child: ChildProcess, onLine: ToolOptions["onLine"]): () => string {
  let tail = "";
  let rest = "";
  child.stderr?.setEncoding("utf8");
  child.stderr?.on("data", (text: string) => {
    tail = (tail + text).slice(-stderrCharactersMax);
    if (!onLine) return;
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) onLine(line);
  });
  return () => tail;
}

function toolError(program: string, error: Error, options: ToolOptions): unknown {
  if (options.signal?.aborted) return options.signal.reason;
  return systemErrorCode(error) === "ENOENT" ? missing(program, options, error) : error;
}

function missing(program: string, { packageName }: ToolOptions, cause?: Error): PyroError {
  return new PyroError("host_tool_missing", `${program} is not installed.`, {
    hint: `Install it: sudo apt-get install ${packageName}`,
    cause,
  });
}

function failure(program: string, how: string, words: string): PyroError {
  const last = words.trim().split("\n").slice(-3).join(" | ");
  return new PyroError(
    "host_tool_failed",
    `${program} ${how}: ${visibleText(last, 600) || "it said nothing"}`,
  );
}
