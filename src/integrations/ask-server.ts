import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import type { Readable, Writable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { version, visibleText } from "../index.ts";

const answerBytesMax = 8 * 1024 * 1024;
const stderrCharactersMax = 4096;
const graceMs = 1000;

export interface AskOptions {
  readonly env: Readonly<Record<string, string>>;
  readonly currentDirectory: string;
  readonly protocolVersion: string;
  readonly timeoutMs: number;
}

/** What a server said, or why it said nothing. */
export type ServerAnswer =
  | { readonly toolCount: number; readonly readyMs: number }
  | { readonly trouble: string };

/** Starts a server as a coding agent would, has it list its tools, and ends it. */
export async function askServer(
  command: readonly string[],
  options: AskOptions,
): Promise<ServerAnswer> {
  const [program = "", ...args] = command;
  const started = performance.now();
  const child = spawn(program, args, {
    env: options.env,
    cwd: options.currentDirectory,
    stdio: ["pipe", "pipe", "pipe"],
  });
  const stderr = tail(child.stderr);
  const ended = new Promise<never>((_, reject) => {
    child.once("error", reject);
    child.once("close", (code, signal) =>
      reject(new EarlyEnd(`It ended with ${signal ?? `code ${code}`}`)),
    );
  });
  ended.catch(() => undefined);
  // A server that ends early closes its input first.
  child.stdin.on("error", () => undefined);
  const stop = new AbortController();
  const late = sleep(options.timeoutMs, undefined, { signal: stop.signal }).then(() => {
    throw new EarlyEnd(`It did not answer within ${options.timeoutMs / 1000} s`);
  });
  late.catch(() => undefined);
  try {
    const toolCount = await Promise.race([listTools(child, options.protocolVersion), ended, late]);
    return { toolCount, readyMs: Math.round(performance.now() - started) };
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    const words = stderr().trim().split("\n").slice(0, 3).join(" | ");
    return { trouble: visibleText(words ? `${why}: ${words}` : `${why}.`, 600) };
  } finally {
    stop.abort();
    await end(child);
  }
}

class EarlyEnd extends Error {
  override readonly name = "EarlyEnd";
}

type Child = ChildProcessByStdio<Writable, Readable, Readable>;

/** The three messages every coding agent begins with. */
async function listTools(child: Child, protocolVersion: string): Promise<number> {
  const answers = answersOf(child.stdout);
  const send = (message: object) =>
    child.stdin.write(`${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`);
  const clientInfo = { name: "pyro host doctor", version };
  send({ id: 1, method: "initialize", params: { protocolVersion, capabilities: {}, clientInfo } });
  await resultOf(answers, 1);
  send({ method: "notifications/initialized" });
  let count = 0;
  let cursor: unknown;
  for (let id = 2; id < 100; id += 1) {
    send({ id, method: "tools/list", params: cursor === undefined ? {} : { cursor } });
    const { tools, nextCursor } = await resultOf(answers, id);
    if (!Array.isArray(tools)) throw new EarlyEnd("Its list of tools is no list");
    count += tools.length;
    cursor = nextCursor;
    if (cursor === undefined) break;
  }
  return count;
}

async function resultOf(
  answers: AsyncGenerator<Record<string, unknown>>,
  id: number,
): Promise<Record<string, unknown>> {
  for (;;) {
    const { value, done } = await answers.next();
    if (done === true) throw new EarlyEnd("It closed its output");
    if (value.id !== id) continue;
    if (typeof value.result === "object" && value.result !== null)
      return value.result as Record<string, unknown>;
    throw new EarlyEnd(`It answered ${JSON.stringify(value.error)}`);
  }
}

async function* answersOf(stdout: Readable): AsyncGenerator<Record<string, unknown>> {
  let text = "";
  let size = 0;
  stdout.setEncoding("utf8");
  for await (const part of stdout) {
    text += part;
    size += String(part).length;
    if (size > answerBytesMax) throw new EarlyEnd("It says too much");
    const lines = text.split("\n");
    text = lines.pop() ?? "";
    for (const line of lines.filter((one) => one.trim())) yield parsed(line);
  }
}

function parsed(line: string): Record<string, unknown> {
  try {
    return Object(JSON.parse(line));
  } catch {
    throw new EarlyEnd(`Its output is not MCP: ${line.slice(0, 200)}`);
  }
}

function tail(stream: Readable): () => string {
  let text = "";
  stream.setEncoding("utf8");
  stream.on("data", (part: string) => {
    text = (text + part).slice(-stderrCharactersMax);
  });
  return () => text;
}

/** The end of its input is enough for a good server. */
async function end(child: Child): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, "exit");
  child.stdin.end();
  const stop = new AbortController();
  const patience = sleep(graceMs, undefined, { signal: stop.signal }).then(() => {
    child.kill("SIGKILL");
    return gone;
  });
  patience.catch(() => undefined);
  await Promise.race([gone, patience]);
  stop.abort();
}
