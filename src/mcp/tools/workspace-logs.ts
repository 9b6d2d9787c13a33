import { z } from "zod";
import { PyroError } from "../../model/errors.ts";
import { visibleText } from "../../model/text.ts";
import type { CommandOutput, JournaledCommand, LoggedCommand } from "../../sdk.ts";
import {
  type BulkAnswer,
  bulkAnswer,
  callText,
  count,
  durationText,
  outputCharactersDefault,
} from "../answers/bulk-answer.ts";
import { type Excerpt, excerptOf } from "../answers/output-collector.ts";
import { countLines, takeHead, wholeCharacters } from "../answers/shown-text.ts";
import { bulkTool, type Call } from "../tool.ts";
import { endedText } from "./ending-text.ts";
import { maxOutputChars, waitSeconds, workspaceId } from "./fields.ts";
import { readOn, waitOn } from "./read-on.ts";
import { keptBytes } from "./run-tools.ts";

const listedCommandsMax = 30;

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
  const isMore = next < (last ?? first).outputBytes;
  return bulkAnswer({
    header: (lines) => commandHeader(first, lines),
    excerpt: joined(first, last),
    charactersMax,
    restOf: (from) => readOn(id, { sequence, offset: from }),
    footer: isMore ? nextText(id, { sequence, offset: next }) : footerOf(first, id, next),
    facts: outputFacts(first, next),
  });
}

function joined(first: CommandOutput, last: CommandOutput | undefined): Excerpt {
  const head = bytesOf(first);
  if (last === undefined) return excerptOf(head, "output");
  const tail = bytesOf(last);
  const gapBytes = last.offset - first.nextOffset;
  if (gapBytes === 0) return excerptOf(Buffer.concat([head, tail]), "output");
  return {
    kind: "output",
    head,
    tail,
    gapBytes,
    byteCount: last.nextOffset,
    lineCount: countLines(head) + countLines(tail),
  };
}

/** What a command wrote from an offset on. */
async function nextPage(input: OutputInput, call: Call): Promise<BulkAnswer> {
  const { workspace_id: id, sequence } = input;
  const charactersMax = input.max_output_chars ?? outputCharactersDefault;
  const found = await (await call.pyro()).readCommandOutput(id, {
    sequence,
    offset: input.offset,
    maxBytes: keptBytes,
    waitSeconds: input.wait_seconds,
    signal: call.signal,
  });
  const bytes = bytesOf(found);
  const piece = takeHead(
    wholeLines(bytes, found.nextOffset < found.outputBytes),
    charactersMax,
    "output",
  );
  const { offset } = found;
  const next = piece.byteCount === bytes.length ? found.nextOffset : offset + piece.byteCount;
  const isMore = next < found.outputBytes;
  return bulkAnswer({
    header: (lines) =>
      `${commandHeader(found, lines)} · bytes ${offset}-${next} of ${found.outputBytes}`,
    excerpt: excerptOf(bytes.subarray(0, piece.byteCount), "output"),
    charactersMax: Number.MAX_SAFE_INTEGER,
    restOf: (from) => readOn(id, { sequence, offset: from }),
    footer: isMore ? nextText(id, { sequence, offset: next }) : footerOf(found, id, next),
    facts: outputFacts(found, next),
  });
}

function nextText(id: string, place: { sequence: number; offset: number }): string {
  return `Next: ${callText("workspace_logs", { workspace_id: id, ...place })}`;
}

/** Without the beginning of a line whose rest is not here. */
function wholeLines(bytes: Buffer, isCut: boolean): Buffer {
  const end = isCut ? bytes.lastIndexOf(0x0a) + 1 : bytes.length;
  return bytes.subarray(0, end > 0 ? end : wholeCharacters(bytes, bytes.length));
}

function footerOf({ endedAt, sequence }: CommandOutput, id: string, offset: number) {
  return endedAt === null ? waitOn(id, { sequence, offset }) : undefined;
}

function commandHeader(command: CommandOutput, lines: string): string {
  return `${stateText(command)} · ${lines} · sequence ${command.sequence}${lateText(command)}`;
}

/** What is behind that offset was written by processes that the command left running. */
function lateText({ lateOffset, lateOutputDroppedBytes: dropped }: CommandOutput): string {
  if (lateOffset === null) return "";
  const lost = dropped === 0 ? "" : `, ${count(dropped, "byte")} of that dropped`;
  return ` · written after its end: from offset ${lateOffset}${lost}`;
}

function stateText(command: JournaledCommand): string {
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
    late_offset: command.lateOffset,
    late_output_dropped_bytes: command.lateOutputDroppedBytes,
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
    excerpt: excerptOf(Buffer.from(lines.join("")), "content"),
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
