import { posix } from "node:path";
import { z } from "zod";
import { limits } from "../../model/limits.ts";
import { readModes } from "../../model/shell-reading.ts";
import type { ShellRead } from "../../sdk.ts";
import { type BulkAnswer, bulkAnswer, callText } from "../answers/bulk-answer.ts";
import { networkWish } from "../answers/network-wish.ts";
import { excerptOf } from "../answers/output-collector.ts";
import { bulkTool, recordTool } from "../tool.ts";
import { deniedFacts, deniedIn, linesText } from "./denied-text.ts";
import {
  command,
  guestPath,
  maxOutputChars,
  programOf,
  secretEnv,
  waitSeconds,
  workspaceId,
} from "./fields.ts";

const shellId = z.string().min(1).max(64);
/** What a program that was given a line takes to say something, on an emulated machine. */
const idleMsDefault = 300;
const waitSecondsDefault = 10;

export const shellOpen = recordTool({
  name: "shell_open",
  title: "Open shell",
  description:
    "Start an interactive program on a terminal that stays: a shell, REPL, installer, editor, or anything that asks questions. For plain commands use workspace_exec.",
  input: z.object({
    workspace_id: workspaceId,
    command: command.optional().describe("Default bash, else sh"),
    cwd: guestPath.optional(),
    env: z.record(z.string(), z.string()).optional(),
    secret_env: secretEnv,
    cols: z.number().int().min(limits.shellColsMin).max(limits.shellColsMax).optional(),
    rows: z.number().int().min(1).max(limits.shellRowsMax).optional(),
  }),
  effect: "guest",
  profile: "workspace-full",
  result: "shell",
  run: async ({ workspace_id, cwd, command: wanted, env, secret_env, cols, rows }, { pyro }) => {
    const value = await (await pyro()).openShell(workspace_id, {
      command: wanted === undefined ? undefined : programOf(wanted),
      cwd: cwd === undefined ? undefined : posix.resolve("/workspace", cwd),
      env,
      secretEnv: secret_env,
      cols,
      rows,
    });
    return { value, next: callText("shell_read", { workspace_id, shell_id: value.shellId }) };
  },
});

export const shellRead = bulkTool({
  name: "shell_read",
  title: "Read shell",
  description:
    "Read what a shell wrote since a cursor, once it is silent or shows a text. plain is what a person would have read; screen the terminal as it stands, for full-screen programs; raw every byte. Answers the cursor to go on from.",
  input: z.object({
    workspace_id: workspaceId,
    shell_id: shellId,
    cursor: z.number().int().min(0).optional().describe("Default 0"),
    mode: z.enum(readModes).optional().describe("Default plain"),
    wait_for: z.string().min(1).max(1000).optional().describe("Text to wait for"),
    wait_for_idle_ms: z.number().int().min(0).max(60_000).optional().describe("Default 300"),
    wait_seconds: waitSeconds.describe("0-50, default 10"),
    max_output_chars: maxOutputChars,
  }),
  effect: "read",
  profile: "workspace-full",
  run: async (input, { pyro, signal }) => {
    const { mode = "plain", wait_for_idle_ms: idleMs = idleMsDefault } = input;
    const seconds = input.wait_seconds ?? waitSecondsDefault;
    const result = await (await pyro()).readShell(input.workspace_id, input.shell_id, {
      cursor: input.cursor,
      maxChars: limits.shellReadCharsMax,
      plain: mode === "plain",
      screen: mode === "screen",
      waitFor: input.wait_for,
      waitForIdleMs: idleMs === 0 ? undefined : idleMs,
      timeoutSeconds: Math.max(seconds, shortestWaitSeconds),
      signal,
    });
    return readAnswer(result, input.max_output_chars);
  },
});

/** No wait at all is one that is over at once. */
const shortestWaitSeconds = 0.001;

function readAnswer(result: ShellRead, charactersMax: number | undefined): BulkAnswer {
  const { workspaceId: workspace_id, shellId: shell_id, mode, cursor, nextCursor } = result;
  const at = { workspace_id, shell_id, mode };
  return bulkAnswer({
    header: (lines) => `${stateText(result)} · ${lines} · next cursor ${nextCursor}`,
    excerpt: excerptOf(Buffer.from(result.output), "output"),
    charactersMax,
    restOf: () => callText("shell_read", { ...at, cursor, max_output_chars: 40_000 }),
    footer: linesText([
      deniedIn(workspace_id, result),
      result.state === "running"
        ? `Next: ${callText("shell_read", { ...at, cursor: nextCursor })}`
        : undefined,
    ]),
    wish: networkWish(workspace_id, result),
    facts: {
      workspace_id,
      shell_id,
      state: result.state,
      exit_code: result.exitCode,
      next_cursor: nextCursor,
      truncated: result.truncated,
      matched: result.matched,
      timed_out: result.timedOut,
      ...deniedFacts(result),
    },
  });
}

function stateText({ state, exitCode, screen, timedOut, matched, truncated }: ShellRead): string {
  return [
    state === "running" ? "running" : `ended with exit code ${exitCode}`,
    screen?.fullScreen ? "full-screen program" : "",
    screen === null ? "" : `cursor at row ${screen.cursorRow}, column ${screen.cursorColumn}`,
    matched === false ? "the text was not shown" : "",
    timedOut ? "still writing or waiting when the time was over" : "",
    truncated ? "something before it is kept no more" : "",
  ]
    .filter((part) => part !== "")
    .join(" · ");
}

function readingOn(workspace_id: string, shell_id: string): string {
  return `${callText("shell_read", { workspace_id, shell_id })} with the cursor that the last read answered`;
}

export const shellWrite = recordTool({
  name: "shell_write",
  title: "Type into shell",
  description:
    "Type a line into a shell, or press keys such as ctrl-c, up, tab, esc, enter, f1, alt-x. Read what comes of it with shell_read.",
  input: z.object({
    workspace_id: workspaceId,
    shell_id: shellId,
    input: z.string().optional(),
    keys: z.array(z.string().min(1).max(40)).max(100).optional().describe("Pressed after input"),
    append_newline: z
      .boolean()
      .optional()
      .describe("Whether Enter follows; default true unless there are keys"),
  }),
  effect: "guest",
  profile: "workspace-full",
  result: "shellWrite",
  run: async ({ workspace_id, shell_id, input, keys, append_newline }, { pyro }) => ({
    value: await (await pyro()).writeShell(workspace_id, shell_id, {
      input,
      keys,
      appendNewline: append_newline,
    }),
    next: readingOn(workspace_id, shell_id),
  }),
});

export const shellSignal = recordTool({
  name: "shell_signal",
  title: "Signal shell",
  description: "Send a signal to what runs in the foreground of a shell.",
  input: z.object({
    workspace_id: workspaceId,
    shell_id: shellId,
    signal_name: z.string().max(12).optional().describe("INT (default), TERM, HUP, QUIT, KILL, …"),
  }),
  effect: "guest",
  profile: "workspace-full",
  result: "shellSignal",
  run: async ({ workspace_id, shell_id, signal_name }, { pyro }) => ({
    value: await (await pyro()).signalShell(workspace_id, shell_id, { signalName: signal_name }),
    next: readingOn(workspace_id, shell_id),
  }),
});

export const shellClose = recordTool({
  name: "shell_close",
  title: "Close shell",
  description: "End a shell with everything it started, and forget what it wrote.",
  input: z.object({ workspace_id: workspaceId, shell_id: shellId }),
  effect: "destroy",
  profile: "workspace-full",
  result: "shell",
  run: async ({ workspace_id, shell_id }, { pyro }) => ({
    value: await (await pyro()).closeShell(workspace_id, shell_id),
  }),
});
