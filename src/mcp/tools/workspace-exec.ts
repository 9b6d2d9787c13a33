import { posix } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { defaults, limits } from "../../model/limits.ts";
import type { Pyro, WorkspaceExecResult } from "../../sdk.ts";
import { type BulkAnswer, bulkAnswer, callText } from "../answers/bulk-answer.ts";
import { networkWish } from "../answers/network-wish.ts";
import { OutputCollector } from "../answers/output-collector.ts";
import { bulkTool } from "../tool.ts";
import { deniedFacts, deniedIn, linesText } from "./denied-text.ts";
import { endedText } from "./ending-text.ts";
import {
  command,
  guestPath,
  maxOutputChars,
  programOf,
  secretEnv,
  waitSeconds,
  waitSecondsDefault,
  workspaceId,
} from "./fields.ts";
import { readOn, waitOn } from "./read-on.ts";
import { keptBytes } from "./run-tools.ts";

/** So long an answer waits past the command's own limit, to say that it timed out rather than that it still runs. */
const graceSeconds = 2;

export const workspaceExec = bulkTool({
  name: "workspace_exec",
  title: "Run in workspace",
  description:
    "Run a command in a workspace: build, test, inspect, edit. Waits up to wait_seconds; a command that takes longer goes on, up to timeout_seconds, and workspace_logs reads on with the sequence this answers. Starts in /workspace; cd and variables do not carry over between calls. Answers exit code and output.",
  input: z.object({
    workspace_id: workspaceId,
    command,
    cwd: guestPath.optional(),
    env: z.record(z.string(), z.string()).optional(),
    secret_env: secretEnv,
    timeout_seconds: z
      .number()
      .positive()
      .max(limits.timeoutSecondsMax)
      .optional()
      .describe("Command is killed then; default 30, up to a day"),
    wait_seconds: waitSeconds.describe("0-50, default 30"),
    max_output_chars: maxOutputChars,
  }),
  fullOnly: ["secret_env"],
  effect: "guest",
  profile: "workspace-core",
  isEntry: true,
  run: async (input, { pyro, signal }) => {
    const output = new OutputCollector(keptBytes);
    const { running, sequence } = startCommand(await pyro(), input, { output, signal });
    const limit = input.timeout_seconds ?? defaults.timeoutSeconds;
    const wait = input.wait_seconds ?? waitSecondsDefault;
    const ended = await withinWait(running, sequence, wait >= limit ? limit + graceSeconds : wait);
    const shownPart = { output, charactersMax: input.max_output_chars };
    return ended === undefined
      ? stillRunning(input.workspace_id, await sequence, { ...shownPart, limit })
      : execAnswer(input.workspace_id, ended, shownPart);
  },
});

interface ExecInput {
  readonly workspace_id: string;
  readonly command: string | string[];
  readonly cwd?: string | undefined;
  readonly env?: Record<string, string> | undefined;
  readonly secret_env?: Record<string, string> | undefined;
  readonly timeout_seconds?: number | undefined;
}

/** The command at work. The client's giving up ends it only until the client has its answer. */
function startCommand(
  pyro: Pyro,
  input: ExecInput,
  { output, signal }: { readonly output: OutputCollector; readonly signal: AbortSignal },
): { running: Promise<WorkspaceExecResult>; sequence: Promise<number> } {
  const known = Promise.withResolvers<number>();
  const push = (chunk: Buffer) => output.push(chunk);
  const running = pyro.execWorkspace(input.workspace_id, {
    command: programOf(input.command),
    cwd: input.cwd === undefined ? undefined : posix.resolve("/workspace", input.cwd),
    env: input.env,
    secretEnv: input.secret_env,
    timeoutSeconds: input.timeout_seconds,
    onStdout: push,
    onStderr: push,
    onSequence: known.resolve,
    outlivesCaller: true,
    signal,
  });
  // Both may fail after the answer, when nobody looks any more.
  running.catch(known.reject);
  known.promise.catch(() => undefined);
  return { running, sequence: known.promise };
}

/** The result, unless it takes longer; a command without a number yet is waited for in any case. */
async function withinWait(
  running: Promise<WorkspaceExecResult>,
  sequence: Promise<number>,
  seconds: number,
): Promise<WorkspaceExecResult | undefined> {
  const over = new AbortController();
  const waited = sleep(seconds * 1000, undefined, { signal: over.signal }).catch(() => undefined);
  try {
    return await Promise.race([running, Promise.all([sequence, waited]).then(() => undefined)]);
  } finally {
    over.abort();
  }
}

interface ShownPart {
  readonly output: OutputCollector;
  readonly charactersMax: number | undefined;
}

function execAnswer(
  id: string,
  result: WorkspaceExecResult,
  { output, charactersMax }: ShownPart,
): BulkAnswer {
  const { sequence } = result;
  return bulkAnswer({
    header: (lines) => `${endedText(result)} · ${lines} · sequence ${sequence}`,
    excerpt: output.excerpt(),
    charactersMax,
    restOf: (offset) => readOn(id, { sequence, offset }),
    footer: footerOf(id, result),
    wish: networkWish(id, result),
    facts: {
      workspace_id: result.workspaceId,
      sequence,
      running: false,
      exit_code: result.exitCode,
      timed_out: result.timedOut,
      out_of_memory: result.outOfMemory,
      duration_ms: result.durationMs,
      background_process_count: result.backgroundProcessCount,
      ...deniedFacts(result),
    },
  });
}

function footerOf(id: string, result: WorkspaceExecResult): string | undefined {
  const { sequence, backgroundProcessCount } = result;
  const rest =
    backgroundProcessCount > 0
      ? `What runs on writes to: ${callText("workspace_logs", { workspace_id: id, sequence })}`
      : undefined;
  return linesText([deniedIn(id, result), rest]);
}

function stillRunning(
  id: string,
  sequence: number,
  { output, charactersMax, limit }: ShownPart & { readonly limit: number },
): BulkAnswer {
  const excerpt = output.excerpt();
  const offset = excerpt.byteCount;
  return bulkAnswer({
    header: (lines) => `still running · ${lines} so far · sequence ${sequence}`,
    excerpt,
    charactersMax,
    restOf: (from) => readOn(id, { sequence, offset: from }),
    footer: `It goes on for up to ${limit} s in all. ${waitOn(id, { sequence, offset })}`,
    facts: { workspace_id: id, sequence, running: true, next_offset: offset },
  });
}
