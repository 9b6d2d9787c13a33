import { isUtf8 } from "node:buffer";
import { setTimeout as sleep } from "node:timers/promises";
import { frameKind } from "../../channel/frames.ts";
import { asPyroError, cancellation, PyroError } from "../../model/errors.ts";
import { limits } from "../../model/limits.ts";
import { fileReadBytes, wholeNumber } from "../../model/machine-options.ts";
import type {
  CommandOutput,
  LoggedCommand,
  WorkspaceLogs,
  WorkspaceSummary,
} from "../../model/workspace-results.ts";
import type { CommandRow } from "../../registry/journal.ts";
import type { WorkspaceRow } from "../../registry/workspaces.ts";
import { connectWorkspace } from "../life/connect-workspace.ts";
import { findWorkspace } from "../life/find-workspace.ts";
import { openPorts } from "../life/open-ports.ts";
import { shellsAtHand } from "../life/shells-at-hand.ts";
import type { WorkspaceContext } from "../life/workspace-context.ts";
import type {
  LogsOptions,
  ReadOutputOptions,
  ReplayedCommand,
  ReplayOutputOptions,
  SummaryOptions,
} from "../life/workspace-options.ts";
import { summarizeDenied } from "../network/denied-connections.ts";
import { describeShell } from "../shells/describe-shell.ts";
import { allSnapshots } from "../snapshots/snapshots.ts";
import { outputPath, readOutputFile } from "../supervisor/output-file.ts";
import { placedFrames, readLateOutput, readOutputPiece } from "../supervisor/read-output.ts";
import { countChanges, openedAmong } from "./diff-workspace.ts";
import { findChanges } from "./workspace-changes.ts";

const followIntervalMs = 50;

/** A page of the commands since the last reset with what they wrote, as far as the journal keeps it. */
export async function logsWorkspace(
  context: WorkspaceContext,
  id: string,
  options: LogsOptions = {},
): Promise<WorkspaceLogs> {
  const { workspaceId } = await findWorkspace(context, id);
  const { journal } = context.records;
  const rows = journal.commands(workspaceId, options);
  const { outputDirectory } = context.files(workspaceId);
  const commands: LoggedCommand[] = [];
  let bytes = 0;
  for (const row of rows) {
    const told = options.withoutOutput
      ? { ...row, ...noOutput }
      : await withOutput(row, outputDirectory);
    bytes += sizeOf(told);
    // A page has one command at least, however large.
    if (commands.length > 0 && bytes > limits.logsPageBytesMax) break;
    commands.push(told);
  }
  return {
    workspaceId,
    commands,
    nextAfter: commands.length < rows.length ? (commands.at(-1)?.sequence ?? null) : null,
    forgottenCommandCount: journal.forgottenCount(workspaceId),
  };
}

const noOutput = {
  stdout: "",
  stderr: "",
  lateOutput: "",
  lateOutputBytes: 0,
  lateOutputDroppedBytes: 0,
} as const;

function sizeOf({ command, stdout, stderr, lateOutput }: LoggedCommand): number {
  const outputSize = stdout.length + stderr.length + lateOutput.length;
  return outputSize + command.reduce((sum, word) => sum + word.length, 0);
}

/** A piece of what one command wrote so far; waits for the command's end as long as it is asked to. */
export async function readCommandOutput(
  context: WorkspaceContext,
  id: string,
  { sequence, offset = 0, waitSeconds = 0, signal, ...options }: ReadOutputOptions,
): Promise<CommandOutput> {
  const max = fileReadBytes(options.maxBytes);
  wholeNumber({ name: "offset", value: offset, min: 0, max: Number.MAX_SAFE_INTEGER });
  const { workspaceId } = await findWorkspace(context, id);
  const deadline = performance.now() + waitSeconds * 1000;
  let command = requireCommand(context, workspaceId, sequence);
  while (command.endedAt === null && performance.now() < deadline) {
    await sleep(followIntervalMs, undefined, { signal }).catch((error: unknown) => {
      throw cancellation(signal?.reason ?? error);
    });
    command = requireCommand(context, workspaceId, sequence);
  }
  const path = outputPath(context.files(workspaceId).outputDirectory, sequence);
  const found = await readOutputPiece(path, { offset, bytesMax: max });
  const { piece, lateOffset, end } = found;
  return {
    ...command,
    workspaceId,
    output: piece.toString("utf8"),
    outputBase64: isUtf8(piece) ? null : piece.toString("base64"),
    offset: found.offset,
    nextOffset: found.nextOffset,
    outputBytes: end,
    lateOffset: lateOffset < end ? lateOffset : null,
    lateOutputDroppedBytes: found.lateDroppedBytes,
  };
}

/** Passes on what one command wrote so far, as far as the journal keeps it; answers how it ended. */
export async function replayCommandOutput(
  context: WorkspaceContext,
  id: string,
  { sequence, onStdout, onStderr }: ReplayOutputOptions,
): Promise<ReplayedCommand> {
  const { workspaceId } = await findWorkspace(context, id);
  const command = requireCommand(context, workspaceId, sequence);
  const { outputDirectory } = context.files(workspaceId);
  const sinks = { [frameKind.stdout]: onStdout, [frameKind.stderr]: onStderr };
  const frames = placedFrames(outputPath(outputDirectory, sequence));
  for (let keptBytes = 0; ; ) {
    const { value, done } = await frames.next();
    if (done) return { ...command, workspaceId, lateOutputDroppedBytes: value.end - keptBytes };
    keptBytes += value.payload.length;
    await sinks[value.kind](value.payload);
  }
}

function requireCommand(
  context: WorkspaceContext,
  workspaceId: string,
  sequence: number,
): CommandRow {
  const [command] = context.records.journal.commands(workspaceId, { sequence });
  if (command !== undefined) return command;
  throw new PyroError(
    "invalid_argument",
    `Workspace ${workspaceId} has run no command ${sequence}.`,
    {
      hint: `See what it ran since its last reset: pyro workspace logs ${workspaceId}`,
    },
  );
}

/** Everything a reviewer looks at, on one screen. */
export async function summarizeWorkspace(
  context: WorkspaceContext,
  id: string,
  { signal }: SummaryOptions = {},
): Promise<WorkspaceSummary> {
  const row = await findWorkspace(context, id);
  const commands = context.records.journal.commands(row.workspaceId);
  return {
    workspaceId: row.workspaceId,
    name: row.name,
    environment: row.environment,
    state: row.state,
    since: row.lastResetAt ?? row.createdAt,
    commands,
    failedCommandCount: commands.filter(hasFailed).length,
    events: context.records.journal.events(row.workspaceId),
    snapshots: allSnapshots(context, row),
    services: context.records.services
      .list(row.workspaceId)
      .map(({ name, state, reason, exitCode, startedAt }) => ({
        name,
        state,
        reason,
        exitCode,
        startedAt,
      })),
    ports: openPorts(context, row),
    deniedConnections: await summarizeDenied(context, row),
    ...(await summarizeChanges(context, row, signal)),
    shells: await summarizeShells(context, row),
  };
}

async function summarizeShells(
  context: WorkspaceContext,
  row: WorkspaceRow,
): Promise<WorkspaceSummary["shells"]> {
  const shells = await shellsAtHand(context, row);
  return (
    shells?.map(describeShell).map((shell) => ({
      shellId: shell.shellId,
      state: shell.state,
      exitCode: shell.exitCode,
      openedAt: shell.openedAt,
      idleMs: shell.idleMs,
      attachedCount: shell.attachedCount,
    })) ?? null
  );
}

function hasFailed({ endedAt, exitCode }: CommandRow): boolean {
  return endedAt !== null && exitCode !== 0;
}

/** A summary is useful even where there can be no diff. */
async function summarizeChanges(
  context: WorkspaceContext,
  row: WorkspaceRow,
  signal: AbortSignal | undefined,
): Promise<Pick<WorkspaceSummary, "diff" | "diffUnavailable" | "runsWhenOpened">> {
  try {
    const client = await connectWorkspace(context, row, "read files");
    const found = await findChanges(context, { row, client, signal });
    return {
      diff: await countChanges(found),
      diffUnavailable: null,
      runsWhenOpened: openedAmong(found.changes),
    };
  } catch (error) {
    if (signal?.aborted) throw error;
    return { diff: null, diffUnavailable: asPyroError(error).message, runsWhenOpened: [] };
  }
}

async function withOutput(row: CommandRow, directory: string): Promise<LoggedCommand> {
  const path = outputPath(directory, row.sequence);
  const { stdout, stderr } = await readOutputFile(path);
  const late = await readLateOutput(path);
  const isRunning = row.endedAt === null;
  return {
    ...row,
    stdout: stdout.toString("utf8"),
    stderr: stderr.toString("utf8"),
    lateOutput: late.output.toString("utf8"),
    lateOutputBytes: late.bytes,
    lateOutputDroppedBytes: late.droppedBytes,
    // While it runs, what has been written so far is all there is.
    stdoutBytes: isRunning ? stdout.length : row.stdoutBytes,
    stderrBytes: isRunning ? stderr.length : row.stderrBytes,
  };
}
