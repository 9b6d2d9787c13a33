import { z } from "zod";
import { deniedConnectionSchema, timestamp } from "./result-fields.ts";
import { readModes } from "./shell-reading.ts";

// Results about shells; results.ts says how they become types, JSON and MCP schemas.

const count = z.number().int().min(0);
const position = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);

const ending = {
  state: z.enum(["running", "ended"]),
  exitCode: z
    .number()
    .int()
    .nullable()
    .describe("128 + N when signal N ended it; null while it runs."),
  signal: z.string().nullable().describe("The signal that ended it, without SIG."),
};

const described = {
  shellId: z.string(),
  ...ending,
  outOfMemory: z.boolean(),
  pid: count,
  cols: count,
  rows: count,
  openedAt: timestamp,
  idleMs: count.describe("Since it last wrote."),
  nextCursor: position.describe("Where its output ends at the moment."),
  attachedCount: count.describe("People who look on."),
  backgroundProcessCount: count.describe("What an ended shell left running."),
};

const workspaceId = z.string();

export const shellSchema = z.object({ workspaceId, ...described });

export const shellListSchema = z.object({ workspaceId, shells: z.array(z.object(described)) });

export const shellReadSchema = z.object({
  workspaceId,
  shellId: z.string(),
  mode: z.enum(readModes),
  ...ending,
  cursor: position,
  nextCursor: position.describe("Where to read on."),
  output: z.string(),
  outputBase64: z.string().nullable().describe("The exact bytes, only when they are not UTF-8."),
  truncated: z
    .boolean()
    .describe("Whether something between the cursor and the output is missing."),
  droppedBytes: position.describe("Bytes at the cursor that are kept no more."),
  matched: z
    .boolean()
    .nullable()
    .describe("Whether the text that was waited for was shown; null when none was."),
  timedOut: z.boolean().describe("Whether the waiting ended without what was waited for."),
  screen: z
    .object({
      cols: count,
      rows: count,
      cursorRow: count.describe("From 1."),
      cursorColumn: count.describe("From 1."),
      fullScreen: z.boolean().describe("Whether a full-screen program has the terminal."),
    })
    .nullable()
    .describe("Of a screen, or of a full-screen program."),
  deniedConnections: z
    .array(deniedConnectionSchema)
    .describe("What its programs were not allowed to reach up to now, and still are not."),
});

export const shellWriteSchema = z.object({
  workspaceId,
  shellId: z.string(),
  bytes: count.describe("That the terminal took."),
});

export const shellResizeSchema = z.object({
  workspaceId,
  shellId: z.string(),
  cols: count,
  rows: count,
});

export const shellSignalSchema = z.object({
  workspaceId,
  shellId: z.string(),
  signal: z.string(),
});

export type Shell = z.infer<typeof shellSchema>;
export type ShellList = z.infer<typeof shellListSchema>;
export type ShellRead = z.infer<typeof shellReadSchema>;
export type ShellWrite = z.infer<typeof shellWriteSchema>;
export type ShellResize = z.infer<typeof shellResizeSchema>;
export type ShellSignal = z.infer<typeof shellSignalSchema>;
