import { posix } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { PyroError } from "../../model/errors.ts";
import { defaults, limits } from "../../model/limits.ts";
import { visibleText } from "../../model/text.ts";
import type { CommandOutput, LoggedCommand, Pyro, WorkspaceExecResult } from "../../sdk.ts";
import {
  type BulkAnswer,
  bulkAnswer,
  callText,
  count,
  durationText,
  outputCharactersDefault,
} from "../answers/bulk-answer.ts";
import { type Excerpt, excerptOf, OutputCollector } from "../answers/output-collector.ts";
import { countLines, takeHead, wholeCharacters } from "../answers/shown-text.ts";
import { bulkTool, type Call } from "../tool.ts";
import { endedText } from "./ending-text.ts";
import {
  command,
  guestPath,
  maxOutputChars,
  programOf,
  waitSeconds,
  waitSecondsDefault,
  waitSecondsMax,
  workspaceId,
} from "./fields.ts";
import { keptBytes } from "./run-tools.ts";

/** So long an answer waits past the command's own limit, to say that it timed out rather than that it still runs. */
const graceSeconds = 2;

const listedCommandsMax = 30;

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
    timeout_seconds: z
      .number()
      .positive()
      .max(limits.timeoutSecondsMax)
      .optional()
      .describe("Command is killed then; default 30, up to a day"),
    wait_seconds: waitSeconds.describe("0-50, default 30"),
    max_output_chars: maxOutputChars,
  }),
  effect: "guest",
  profile: "workspace-core",
  isEntry: true,
  run: async (input, call) => {
    const output = new OutputCollector(keptBytes);
    const { running, sequence } = startCommand(await call.pyro(), input, call, output);
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
  readonly timeout_seconds?: number | undefined;
}

/** The command at work. The client's giving up ends it only until the client has its answer. */
function startCommand(
  pyro: Pyro,
  input: ExecInput,
  { signal }: Call,
  output: OutputCollector,
): { running: Promise<WorkspaceExecResult>; sequence: Promise<number> } {
  const known = Promise.withResolvers<number>();
  const push = (chunk: Buffer) => output.push(chunk);
  const running = pyro.execWorkspace(input.workspace_id, {
    command: programOf(input.command),
    cwd: input.cwd === undefined ? undefined : posix.resolve("/workspace", input.cwd),
    env: input.env,
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
    facts: {
      workspace_id: result.workspaceId,
      sequence,
      running: false,
      exit_code: result.exitCode,
      timed_out: result.timedOut,
      out_of_memory: result.outOfMemory,
      duration_ms: result.durationMs,
    },
  });
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
    footer: `It goes on for up to ${limit} s in all. Next: ${callText("workspace_logs", { workspace_id: id, sequence, offset, wait_seconds: waitSecondsMax })}`,
    facts: { workspace_id: id, sequence, running: true, next_offset: offset },
  });
}

function readOn(id: string, where: { sequence: number; offset: number }): string {
  return `read on with ${callText("workspace_logs", { workspace_id: id, ...where })}`;
}

export const workspaceLogs = bulkTool({
  name: "workspace_logs",
  title: "Command history and output",
  description:
    "Read what commands of a workspace did: without sequence, the list of commands; with it, the output of one, which may still run. offset reads on from there, in bytes; wait_seconds waits for its end.",
  input: z.object({
    workspace_id: workspaceId,
    sequence: z.number().int().min(1).max(Number.MAX_SAFE_INTEGER).optional(),
    offset: z.number().int().min(0).max(Number.MAX_SAFE_INTEGER).optional(),
    wait_seconds: waitSeconds.describe("0-50, default 0"),
    max_output_chars: maxOutputChars,
  }),
  effect: "read",
  profile: "workspace-core",
  run: async (input, call) => {
    const { workspace_id: id, sequence, offset } = input;
    if (sequence !== undefined) {
      const which = { ...input, sequence };
      return offset === undefined ? await overview(which, call) : await nextPage(which, call);
    }
    if (offset !== undefined || input.wait_seconds !== undefined)
      throw new PyroError("invalid_argument", "offset and wait_seconds need a sequence.", {
        hint: `Call ${callText("workspace_logs", { workspace_id: id })} for the sequences there are.`,
      });
    const { commands } = await (await call.pyro()).logsWorkspace(id, {
      last: listedCommandsMax,
      withoutOutput: true,
    });
    return history(id, commands, input.max_output_chars);
  },
});

interface OutputInput {
  readonly workspace_id: string;
  readonly sequence: number;
  readonly offset?: number | undefined;
  readonly wait_seconds?: number | undefined;
  readonly max_output_chars?: number | undefined;
}

/** Beginning and end of what a command wrote. */
async function overview(input: OutputInput, call: Call): Promise<BulkAnswer> {
  const { workspace_id: id, sequence, max_output_chars: charactersMax } = input;
  const pyro = await call.pyro();
  const maxBytes = keptBytes;
  const first = await pyro.readCommandOutput(id, {
    sequence,
    maxBytes,
    waitSeconds: input.wait_seconds,
    signal: call.signal,
  });
  const offset = Math.max(first.nextOffset, first.outputBytes - maxBytes);
  const last =
    first.nextOffset < first.outputBytes
      ? await pyro.readCommandOutput(id, { sequence, offset, maxBytes })
      : undefined;
  const next = last?.nextOffset ?? first.nextOffset;
  return bulkAnswer({
    header: (lines) => commandHeader(first, lines),
    excerpt: joined(first, last),
    charactersMax,
    restOf: (from) => readOn(id, { sequence, offset: from }),
    footer: footerOf(first, id, next),
    facts: outputFacts(first, next),
  });
}

function joined(first: CommandOutput, last: CommandOutput | undefined): Excerpt {
  const head = bytesOf(first);
  if (last === undefined) return excerptOf(head);
  const tail = bytesOf(last);
  const gapBytes = last.offset - first.nextOffset;
  if (gapBytes === 0) return excerptOf(Buffer.concat([head, tail]));
  return {
    head,
    tail,
    gapBytes,
    byteCount: last.nextOffset,
    lineCount: countLines(head) + countLines(tail),
  };
}

/** What a command wrote from an offset on. */
async function nextPage(input: OutputInput, call: Call): Promise<BulkAnswer> {
  const { workspace_id: id, sequence, offset = 0 } = input;
  const charactersMax = input.max_output_chars ?? outputCharactersDefault;
  const found = await (await call.pyro()).readCommandOutput(id, {
    sequence,
    offset,
    maxBytes: charactersMax,
    waitSeconds: input.wait_seconds,
    signal: call.signal,
  });
  const bytes = bytesOf(found);
  const piece = takeHead(wholeLines(bytes, found.nextOffset < found.outputBytes), charactersMax);
  const next = offset + piece.byteCount;
  const isMore = next < found.outputBytes;
  return bulkAnswer({
    header: (lines) =>
      `${commandHeader(found, lines)} · bytes ${offset}-${next} of ${found.outputBytes}`,
    excerpt: excerptOf(bytes.subarray(0, piece.byteCount)),
    charactersMax: Number.MAX_SAFE_INTEGER,
    restOf: (from) => readOn(id, { sequence, offset: from }),
    footer: isMore
      ? `Next: ${callText("workspace_logs", { workspace_id: id, sequence, offset: next })}`
      : footerOf(found, id, next),
    facts: outputFacts(found, next),
  });
}

/** Without the beginning of a line whose rest is not here. */
function wholeLines(bytes: Buffer, isCut: boolean): Buffer {
  const end = isCut ? bytes.lastIndexOf(0x0a) + 1 : bytes.length;
  return bytes.subarray(0, end > 0 ? end : wholeCharacters(bytes, bytes.length));
}

function footerOf({ endedAt, sequence }: CommandOutput, id: string, offset: number) {
  if (endedAt !== null) return undefined;
  return `Next: ${callText("workspace_logs", { workspace_id: id, sequence, offset, wait_seconds: waitSecondsMax })}`;
}

function commandHeader(command: CommandOutput, lines: string): string {
  return `${stateText(command)} · ${lines} · sequence ${command.sequence}`;
}

type CommandState = Omit<LoggedCommand, "stdout" | "stderr">;

function stateText(command: CommandState): string {
  if (command.interrupted !== null)
    return `interrupted (${JSON.stringify(visibleText(command.interrupted))})`;
  if (command.endedAt !== null) return endedText(command);
  return `still running · ${durationText(Math.max(0, Date.now() - Date.parse(command.startedAt)))}`;
}

function outputFacts(command: CommandOutput, next: number): BulkAnswer["facts"] {
  return {
    workspace_id: command.workspaceId,
    sequence: command.sequence,
    running: command.endedAt === null,
    exit_code: command.exitCode,
    timed_out: command.timedOut,
    duration_ms: command.durationMs,
    next_offset: next,
    output_bytes: command.outputBytes,
  };
}

function bytesOf({ output, outputBase64 }: CommandOutput): Buffer {
  return outputBase64 === null ? Buffer.from(output) : Buffer.from(outputBase64, "base64");
}

/** One line a command, the latest last. */
function history(
  id: string,
  commands: readonly LoggedCommand[],
  charactersMax: number | undefined,
): BulkAnswer {
  const lines = commands.map(
    (command) =>
      `#${command.sequence} ${stateText(command)}${sizeText(command)} · ${commandText(command.command)}\n`,
  );
  const [latest] = commands.slice(-1);
  return bulkAnswer({
    header: () => `${count(commands.length, "command")} since the last reset`,
    excerpt: excerptOf(Buffer.from(lines.join(""))),
    charactersMax,
    restOf: () => "give a sequence for one of them",
    footer:
      latest === undefined
        ? undefined
        : `Next: ${callText("workspace_logs", { workspace_id: id, sequence: latest.sequence })} for its output`,
    facts: { workspace_id: id, sequences: commands.map(({ sequence }) => sequence) },
  });
}

/** While it runs, nobody has counted. */
function sizeText({ endedAt, stdoutBytes, stderrBytes }: LoggedCommand): string {
  return endedAt === null ? "" : ` · ${count(stdoutBytes + stderrBytes, "byte")}`;
}

/** As the command was given: a shell line as such. */
function commandText(command: readonly string[]): string {
  const [program, option, line] = command;
  const isShellLine = command.length === 3 && program === "sh" && option === "-c";
  return visibleText(isShellLine ? (line ?? "") : command.join(" "), 200);
}
