import { type ChildProcess, spawn } from "node:child_process";
import type { Readable } from "node:stream";
import { PyroError, systemErrorCode } from "../model/errors.ts";
import { visibleText } from "../model/text.ts";
import { toolEnvironment } from "./config.ts";

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
   * it waits for its children and cleans up after them. `done` settles when that is over.
   */
  readonly ownGroup?: boolean;
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
  const { signal, ownGroup = false } = options;
  const child = spawn(program, args, {
    env: { ...toolEnvironment(), ...options.env },
    stdio: ["ignore", "pipe", "pipe"],
    detached: ownGroup,
    ...(signal && !ownGroup && { signal }),
  });
  if (ownGroup && signal) endGroupOnAbort(child, signal);
  const words = collectStderr(child, options.onLine);
  const done = new Promise<void>((resolve, reject) => {
    child.once("error", (error) => reject(toolError(program, error, options)));
    child.once("close", (code, endedBy) => {
      const how = endedBy ? `was ended by ${endedBy}` : `ended with code ${code}`;
      if (code === 0) resolve();
      else reject(signal?.aborted ? signal.reason : failure(program, how, words()));
    });
  });
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

/** How long a program may clean up after its children: removing thousands of files takes as long as the disk is busy. */
const cleanupMs = 60_000;

function endGroupOnAbort(child: ChildProcess, signal: AbortSignal): void {
  let killing: NodeJS.Timeout | undefined;
  const end = () => {
    // Whoever in the group waits for a reader would not see the signal.
    child.stdout?.destroy();
    signalGroup(child, "SIGTERM");
    killing = setTimeout(() => signalGroup(child, "SIGKILL"), cleanupMs);
  };
  child.once("close", () => {
    signal.removeEventListener("abort", end);
    clearTimeout(killing);
  });
  if (signal.aborted) end();
  else signal.addEventListener("abort", end, { once: true });
}

function signalGroup({ pid }: ChildProcess, name: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, name);
  } catch (error) {
    if (systemErrorCode(error) !== "ESRCH") throw error;
  }
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
  if (systemErrorCode(error) !== "ENOENT") return error;
  return new PyroError("host_tool_missing", `${program} is not installed.`, {
    hint: `Install it: sudo apt-get install ${options.packageName}`,
    cause: error,
  });
}

function failure(program: string, how: string, words: string): PyroError {
  const last = words.trim().split("\n").slice(-3).join(" | ");
  return new PyroError(
    "host_tool_failed",
    `${program} ${how}: ${visibleText(last, 600) || "it said nothing"}`,
  );
}
