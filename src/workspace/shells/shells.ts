import { constants } from "node:os";
import type { AgentClient } from "../../channel/agent-client.ts";
import type { ShellClient } from "../../channel/shell-client.ts";
import type { TerminalSize } from "../../channel/shell-output.ts";
import { PyroError } from "../../model/errors.ts";
import { defaults, limits } from "../../model/limits.ts";
import { runnableCommand, timeoutMs, wholeNumber } from "../../model/machine-options.ts";
import type { ReadMode } from "../../model/shell-reading.ts";
import type {
  Shell,
  ShellList,
  ShellRead,
  ShellResize,
  ShellSignal,
  ShellWrite,
} from "../../model/shell-results.ts";
import type { WorkspaceRow } from "../../registry/workspaces.ts";
import { openWorkspace } from "../life/connect-workspace.ts";
import type { WorkspaceContext } from "../life/workspace-context.ts";
import { environmentEntries } from "../machines/environment-entries.ts";
import { stillDeniedTo } from "../network/denied-connections.ts";
import { describeShell, readingOf } from "./describe-shell.ts";
import { newShellId, withShell } from "./find-shell.ts";
import { dependsOnMode, keyBytes } from "./keys.ts";
import { checkInput, checkReading, notOpened, notReading } from "./shell-errors.ts";
import type {
  OpenShellOptions,
  ReadShellOptions,
  ResizeShellOptions,
  SignalShellOptions,
  WriteShellOptions,
} from "./shell-options.ts";

/** Names one shell of one workspace. */
export interface ShellPlace {
  readonly id: string;
  readonly shellId: string;
}

/** A program on a terminal of its own, which lives until it ends or is closed. */
export async function openShell(
  context: WorkspaceContext,
  id: string,
  options: OpenShellOptions,
): Promise<Shell> {
  const size = terminalSize(options);
  const command = options.command === undefined ? undefined : runnableCommand(options.command);
  const env = environmentEntries(options.env);
  const { row, client } = await openWorkspace(context, id, "use shells");
  const root = row.imageId === null ? context.files(row.workspaceId).rootDirectory : "/workspace";
  const opening = await client.shell.open({
    id: newShellId(),
    ...size,
    command,
    env,
    secretEnv: options.secretEnv,
    cwd: options.cwd ?? root,
  });
  if (opening.kind === "not_started") throw notOpened(opening, command);
  return { workspaceId: row.workspaceId, ...describeShell(opening.shell) };
}

/** Those that run, and those that ended and were not closed. */
export async function listShells(context: WorkspaceContext, id: string): Promise<ShellList> {
  const { row, client } = await openWorkspace(context, id, "use shells");
  const shells = await client.shell.list();
  return { workspaceId: row.workspaceId, shells: shells.map(describeShell) };
}

export async function readShell(
  context: WorkspaceContext,
  place: ShellPlace,
  options: ReadShellOptions,
): Promise<ShellRead> {
  const question = {
    mode: modeOf(options),
    cursor: options.cursor ?? 0,
    maxChars: options.maxChars ?? defaults.shellReadChars,
    idleMs: options.waitForIdleMs,
    text: options.waitFor,
    timeoutMs: timeoutMs(options.timeoutSeconds),
  };
  checkReading(question);
  const { signal } = options;
  return await onShell(context, place, async (shells, named, at) => {
    const { mode, cursor } = question;
    const answer = readingOf(await shells.read({ ...question, shellId: named.shellId }, signal));
    const source = `shell:${named.shellId}`;
    const deniedConnections = await stillDeniedTo(context, { ...at, source });
    return { ...named, mode, cursor, ...answer, deniedConnections };
  });
}

/** Types text, presses keys. */
export async function writeShell(
  context: WorkspaceContext,
  place: ShellPlace,
  { input = "", keys = [], appendNewline = keys.length === 0 }: WriteShellOptions,
): Promise<ShellWrite> {
  // Said before anything is asked of the guest.
  for (const key of keys) keyBytes(key, { applicationCursor: false });
  return await onShell(context, place, async (shells, named) => {
    const { applicationCursor } = keys.some(dependsOnMode)
      ? await shells.status(named.shellId)
      : { applicationCursor: false };
    const pressed = keys.map((key) => keyBytes(key, { applicationCursor })).join("");
    const text = Buffer.concat([
      typeof input === "string" ? Buffer.from(input) : input,
      Buffer.from(appendNewline ? `${pressed}\r` : pressed),
    ]);
    checkInput(text);
    const bytes = text.length === 0 ? 0 : await shells.input(named.shellId, text);
    if (bytes < text.length) throw notReading(named.shellId, bytes, text.length);
    return { ...named, bytes };
  });
}

export async function resizeShell(
  context: WorkspaceContext,
  place: ShellPlace,
  options: ResizeShellOptions,
): Promise<ShellResize> {
  const size = terminalSize(options);
  return await onShell(context, place, async (shells, named) => {
    await shells.resize(named.shellId, size);
    return { ...named, ...size };
  });
}

/** To what runs in the foreground of the shell. */
export async function signalShell(
  context: WorkspaceContext,
  place: ShellPlace,
  { signalName = "INT" }: SignalShellOptions,
): Promise<ShellSignal> {
  const signal = signalName.toUpperCase().replace(/^SIG/, "");
  if (!Object.hasOwn(constants.signals, `SIG${signal}`))
    throw new PyroError("invalid_argument", `"${signalName}" is no signal.`, {
      hint: "Usual ones are INT, TERM, HUP, QUIT, KILL, TSTP and CONT.",
    });
  return await onShell(context, place, async (shells, named) => {
    await shells.signal(named.shellId, signal);
    return { ...named, signal };
  });
}

/** Ends everything that the shell started, and forgets it. */
export async function closeShell(context: WorkspaceContext, place: ShellPlace): Promise<Shell> {
  return await onShell(context, place, async (shells, { workspaceId, shellId }) => {
    return { workspaceId, ...describeShell(await shells.close(shellId)) };
  });
}

interface NamedShell {
  readonly workspaceId: string;
  readonly shellId: string;
}

interface WorkspaceAtHand {
  readonly row: WorkspaceRow;
  readonly client: AgentClient;
}

async function onShell<T>(
  context: WorkspaceContext,
  { id, shellId: given }: ShellPlace,
  work: (shells: ShellClient, named: NamedShell, at: WorkspaceAtHand) => Promise<T>,
): Promise<T> {
  const { row, client } = await openWorkspace(context, id, "use shells");
  return await withShell(client.shell, given, (shellId) =>
    work(client.shell, { workspaceId: row.workspaceId, shellId }, { row, client }),
  );
}

function terminalSize({
  cols = defaults.shellCols,
  rows = defaults.shellRows,
}: Pick<OpenShellOptions, "cols" | "rows">): TerminalSize {
  const { shellColsMin, shellColsMax, shellRowsMax } = limits;
  return {
    cols: wholeNumber({ name: "cols", value: cols, min: shellColsMin, max: shellColsMax }),
    rows: wholeNumber({ name: "rows", value: rows, min: 1, max: shellRowsMax }),
  };
}

function modeOf({ plain = false, screen = false }: ReadShellOptions): ReadMode {
  if (plain && screen)
    throw new PyroError(
      "invalid_argument",
      "A shell is read as plain text or as a screen, not both.",
    );
  if (screen) return "screen";
  return plain ? "plain" : "raw";
}
