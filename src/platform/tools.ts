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
  const child = spawn(program, args, {
    env: { ...toolEnvironment(), ...options.env },
    stdio: ["ignore", "pipe", "pipe"],
    ...(options.signal && { signal: options.signal }),
  });
  const words = collectStderr(child, options.onLine);
  const done = new Promise<void>((resolve, reject) => {
    child.once("error", (error) => reject(toolError(program, error, options)));
    child.once("close", (code, signal) => {
      if (code === 0) resolve();
      else
        reject(
          failure(program, signal ? `was ended by ${signal}` : `ended with code ${code}`, words()),
        );
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
