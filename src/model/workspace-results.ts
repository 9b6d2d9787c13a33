import { z } from "zod";
import { egressPresets } from "./egress.ts";
import { networkPolicies } from "./machine-options.ts";
import { deniedSummarySchema } from "./network-results.ts";
import { commandResult, cpuLevel, executionMode, isolation, timestamp } from "./result-fields.ts";
import { secretSourceKinds } from "./secrets.ts";
import { publishedPortSchema, serviceSchema } from "./service-results.ts";
import { shellSchema } from "./shell-results.ts";

// Results about workspaces; results.ts says how they become types, JSON and MCP schemas.

const count = z.number().int().min(0);
const bytes = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);
const workspaceId = z.string();

export const workspaceStateSchema = z.enum([
  "creating",
  "started",
  "stopping",
  "stopped",
  "resetting",
  "failed",
  "deleting",
]);

/** Something that was left out, and why. */
const skippedSchema = z.object({ path: z.string(), reason: z.string() });

export const workspaceSeedSchema = z.object({
  mode: z.enum(["empty", "directory", "archive"]),
  seedPath: z.string().nullable(),
  entryCount: count,
  bytes,
  skippedCount: count,
  skipped: z.array(skippedSchema).describe("The first hundred."),
  changedWhileRead: z.array(z.string()).describe("Files that changed while they were copied."),
  warnings: z
    .array(z.string())
    .describe("What git finds in the copy otherwise than on the host, and why."),
});

const listed = {
  workspaceId,
  name: z.string().nullable(),
  labels: z.record(z.string(), z.string()),
  environment: z.string(),
  state: workspaceStateSchema,
  createdAt: timestamp,
  lastActivityAt: timestamp,
  expiresAt: timestamp.nullable().describe("Null: lives until deleted."),
  commandCount: count.describe("Since the last reset."),
  serviceCount: count,
  runningServiceCount: count,
  publishedPorts: z.array(publishedPortSchema).describe("Those that lead into it now."),
  shellCount: count
    .nullable()
    .describe("Shells that were not closed; null when its supervisor did not say at once."),
};

export const workspaceListSchema = z.object({ workspaces: z.array(z.object(listed)) });

const secretsSchema = z.array(
  z.object({
    name: z.string(),
    sourceKind: z.enum(secretSourceKinds),
    credential: z
      .object({
        hosts: z.array(z.string()),
        methods: z.array(z.string()).nullable().describe("Null: all."),
        paths: z.array(z.string()).nullable().describe("What paths begin with; null: any."),
        variables: z.array(z.string()).describe("Every program has the placeholder as these."),
      })
      .nullable()
      .describe("Where pyro puts the value in; null where commands themselves have it."),
  }),
);

export const workspaceSchema = z.object({
  ...listed,
  failure: z.string().nullable().describe("Why it failed; null in every other state."),
  driver: z.string(),
  executionMode,
  isolation,
  networkPolicy: z.enum(networkPolicies),
  networkPreset: z
    .enum(egressPresets)
    .nullable()
    .describe("What is reachable beside the rules; null when the policy lets nothing out."),
  networkRuleCount: count,
  networkProjectFile: z
    .string()
    .nullable()
    .describe("What .pyro.toml of the seeded tree tightens, in short; null where nothing."),
  vcpuCount: count,
  memMib: count,
  cpu: cpuLevel,
  workspaceSeed: workspaceSeedSchema,
  resetCount: count,
  lastResetAt: timestamp.nullable(),
  snapshotCount: count.describe("Without the baseline."),
  secrets: secretsSchema,
});

export const workspaceExecSchema = z.object({
  workspaceId,
  sequence: count.describe("Number of the command since the last reset, from 1."),
  command: z.array(z.string()),
  cwd: z.string(),
  ...commandResult,
  backgroundProcessCount: count.describe("Processes of the command that run on after its end."),
  journaled: z
    .boolean()
    .describe("False when the host's disk had no room yet to write the command's end down."),
  executionMode,
});

const journaledCommandSchema = z.object({
  sequence: count,
  command: z.array(z.string()),
  cwd: z.string(),
  startedAt: timestamp,
  endedAt: timestamp.nullable().describe("Null while it runs."),
  exitCode: z.number().int().nullable().describe("Null while it runs and when it was interrupted."),
  signal: z.string().nullable(),
  timedOut: z.boolean(),
  outOfMemory: z.boolean(),
  notStarted: z.string().nullable(),
  interrupted: z.string().nullable().describe("What cut it off before it ended; null otherwise."),
  durationMs: z.number().nullable(),
  stdoutBytes: bytes.describe("What the command wrote, kept or not."),
  stderrBytes: bytes,
  stdoutDroppedBytes: bytes.describe("Missing in the middle of stdout: beyond the journal's cap."),
  stderrDroppedBytes: bytes,
});

/** A command that was learned from. */
export const learnedNetworkSchema = workspaceExecSchema.extend({
  preset: z.enum(egressPresets),
  rules: z.array(z.string()).describe("What would have let it pass, and what is denied anyway."),
  isApplied: z.boolean().describe("Whether these are the workspace's rules now."),
});

/** One command as the journal has it, and what it wrote. */
export const loggedCommandSchema = journaledCommandSchema.extend({
  stdout: z.string(),
  stderr: z.string(),
  lateOutput: z
    .string()
    .describe(
      "What processes wrote that outlived it, both streams in the order in which they came.",
    ),
  lateOutputBytes: bytes.describe("All of that, kept or not."),
  lateOutputDroppedBytes: bytes.describe("Missing in it: beyond the journal's cap, or too fast."),
});

export const workspaceLogsSchema = z.object({
  workspaceId,
  commands: z.array(loggedCommandSchema),
  nextAfter: count
    .nullable()
    .describe("Where the next page begins, as its `after`; null when there is none."),
  forgottenCommandCount: count.describe("Oldest commands that are not kept any more."),
});

/** A piece of what a command wrote, both streams in the order in which they came. */
export const commandOutputSchema = z.object({
  workspaceId,
  ...journaledCommandSchema.shape,
  output: z.string(),
  outputBase64: z.string().nullable().describe("The exact bytes, only when they are not UTF-8."),
  offset: bytes.describe("Where it begins: later than asked for when that is not kept any more."),
  nextOffset: bytes.describe("Where to read on."),
  outputBytes: bytes.describe("Where it ends so far."),
  lateOffset: bytes
    .nullable()
    .describe("Where what came after the command's end begins; null when nothing did."),
  lateOutputDroppedBytes: bytes.describe("Missing after that."),
});

export const workspaceFileSchema = z.object({
  path: z.string().describe("Absolute."),
  type: z.enum(["file", "directory", "symlink", "other"]),
  size: bytes,
  mode: z.string().describe("Permission bits, octal."),
  modifiedAt: z.string(),
  linkTarget: z.string().nullable(),
});

export const workspaceFileListSchema = z.object({
  workspaceId,
  path: z.string(),
  entries: z.array(workspaceFileSchema),
});

export const workspaceFileReadSchema = z.object({
  workspaceId,
  path: z.string(),
  size: bytes.describe("Of the file, not of what was read."),
  text: z.string(),
  base64: z.string().nullable().describe("The exact bytes, only when they are not UTF-8."),
  truncated: z.boolean(),
});

export const workspaceFileWriteSchema = z.object({
  workspaceId,
  path: z.string(),
  bytes,
  created: z.boolean().describe("False when it replaced a file."),
});

export const workspaceSyncSchema = z.object({
  workspaceId,
  source: z.string(),
  dest: z.string(),
  entryCount: count,
  bytes,
  skippedCount: count,
  skipped: z.array(skippedSchema),
  changedWhileRead: z.array(z.string()),
  warnings: workspaceSeedSchema.shape.warnings,
});

export const patchedFileSchema = z.object({
  path: z.string(),
  kind: z.enum(["added", "modified", "deleted", "renamed", "mode_changed"]),
  oldPath: z.string().nullable(),
  notes: z.array(z.string()).describe("Hunks that did not fit exactly, and how they were placed."),
});

export const workspacePatchSchema = z.object({ workspaceId, files: z.array(patchedFileSchema) });

export const changeSchema = z.object({
  path: z.string(),
  kind: z.enum(["added", "modified", "deleted", "renamed", "type_changed", "mode_changed"]),
  oldPath: z.string().nullable().describe("Where a renamed file was."),
  oldMode: z.string().nullable().describe("Octal; null when it was not there."),
  newMode: z.string().nullable(),
  type: z.enum(["file", "directory", "symlink", "other"]),
  isBinary: z.boolean(),
  insertions: count,
  deletions: count,
});

const diffCounts = {
  fileCount: count,
  insertions: count,
  deletions: count,
};

export const workspaceDiffSchema = z.object({
  workspaceId,
  ...diffCounts,
  changes: z.array(changeSchema),
  diff: z.string().describe("Unified text; binary files are named."),
  stat: z.string().describe("One line a file, as in git diff --stat."),
});

const runsWhenOpenedSchema = z.object({
  path: z.string(),
  why: z.string(),
  runs: z
    .enum(["by_itself", "when_asked"])
    .describe("On opening, entering or committing; or by a build, an installation, a test."),
  isChanged: z.boolean().describe("Whether it differs from the baseline."),
});

export const workspaceExportSchema = z.object({
  workspaceId,
  path: z.string(),
  outputPath: z.string(),
  entryCount: count,
  bytes,
  skipped: z.array(skippedSchema).describe("Devices, sockets, fifos, and what was to be left out."),
  strippedCount: count.describe("Files that lost setuid or setgid."),
  leavingLinks: z.array(z.string()).describe("Symbolic links that point out of the tree."),
  changedWhileRead: z.array(z.string()),
  runsWhenOpened: z.array(runsWhenOpenedSchema).describe("Files that run code when opened."),
});

export const workspacePatchExportSchema = z.object({
  workspaceId,
  outputPath: z.string(),
  bytes,
  ...diffCounts,
  omitted: z
    .array(skippedSchema)
    .describe("What a patch cannot carry: empty directories, devices …"),
  runsWhenOpened: z.array(runsWhenOpenedSchema),
});

export const workspaceDiskExportSchema = z.object({
  workspaceId,
  outputPath: z.string(),
  bytes: bytes.describe("Of the image, which is sparse."),
  storedBytes: bytes.describe("Room it takes on the host."),
  entryCount: count,
});

export const snapshotSchema = z.object({
  name: z.string(),
  createdAt: timestamp,
  storedBytes: bytes.describe("Room it takes on the host."),
});

export const workspaceSecretsSchema = z.object({ workspaceId, secrets: secretsSchema });

export const snapshotCreatedSchema = z.object({ workspaceId, snapshot: snapshotSchema });
export const snapshotListSchema = z.object({
  workspaceId,
  snapshots: z.array(snapshotSchema).describe("The baseline first."),
});
export const snapshotDeletedSchema = z.object({
  workspaceId,
  name: z.string(),
  deleted: z.boolean(),
});

export const workspaceEventSchema = z.object({
  at: timestamp,
  kind: z.string(),
  text: z.string().describe("One line for people."),
});

export const workspaceSummarySchema = z.object({
  workspaceId,
  name: z.string().nullable(),
  environment: z.string(),
  state: workspaceStateSchema,
  since: timestamp.describe("Creation or the last reset."),
  commands: z.array(journaledCommandSchema),
  failedCommandCount: count,
  events: z.array(workspaceEventSchema).describe("Edits, syncs, patches, exports, snapshots."),
  snapshots: z.array(snapshotSchema),
  services: z.array(
    serviceSchema.pick({ name: true, state: true, reason: true, exitCode: true, startedAt: true }),
  ),
  ports: z.array(publishedPortSchema).describe("Published, those of services included."),
  shells: z
    .array(
      shellSchema.pick({
        shellId: true,
        state: true,
        exitCode: true,
        openedAt: true,
        idleMs: true,
        attachedCount: true,
      }),
    )
    .nullable()
    .describe("Those that were not closed; null when its supervisor did not say at once."),
  deniedConnections: z
    .array(deniedSummarySchema)
    .describe("What its programs were not allowed to reach."),
  diff: workspaceDiffSchema.omit({ workspaceId: true, diff: true }).nullable(),
  diffUnavailable: z.string().nullable().describe("Why there is no diff."),
  runsWhenOpened: z.array(runsWhenOpenedSchema).describe("Among the changed files."),
});

export const workspaceDeletedSchema = z.object({ workspaceId, deleted: z.boolean() });

export const workspaceGcSchema = z.object({
  deletedWorkspaceIds: z.array(z.string()),
  sweptDirectories: count.describe("Leftovers of crashed processes that belonged to nobody."),
});

export type WorkspaceState = z.infer<typeof workspaceStateSchema>;
export type WorkspaceSeed = z.infer<typeof workspaceSeedSchema>;
export type WorkspaceList = z.infer<typeof workspaceListSchema>;
export type Workspace = z.infer<typeof workspaceSchema>;
export type LearnedNetwork = z.infer<typeof learnedNetworkSchema>;
export type WorkspaceExecResult = z.infer<typeof workspaceExecSchema>;
export type JournaledCommand = z.infer<typeof journaledCommandSchema>;
export type LoggedCommand = z.infer<typeof loggedCommandSchema>;
export type WorkspaceLogs = z.infer<typeof workspaceLogsSchema>;
export type CommandOutput = z.infer<typeof commandOutputSchema>;
export type WorkspaceFile = z.infer<typeof workspaceFileSchema>;
export type WorkspaceFileList = z.infer<typeof workspaceFileListSchema>;
export type WorkspaceFileContent = z.infer<typeof workspaceFileReadSchema>;
export type WorkspaceFileWritten = z.infer<typeof workspaceFileWriteSchema>;
export type WorkspaceSync = z.infer<typeof workspaceSyncSchema>;
export type PatchedFile = z.infer<typeof patchedFileSchema>;
export type WorkspacePatched = z.infer<typeof workspacePatchSchema>;
export type WorkspaceChange = z.infer<typeof changeSchema>;
export type WorkspaceDiff = z.infer<typeof workspaceDiffSchema>;
export type WorkspaceExport = z.infer<typeof workspaceExportSchema>;
export type WorkspacePatchExport = z.infer<typeof workspacePatchExportSchema>;
export type WorkspaceSecrets = z.infer<typeof workspaceSecretsSchema>;
export type WorkspaceDiskExport = z.infer<typeof workspaceDiskExportSchema>;
export type Snapshot = z.infer<typeof snapshotSchema>;
export type SnapshotCreated = z.infer<typeof snapshotCreatedSchema>;
export type SnapshotList = z.infer<typeof snapshotListSchema>;
export type SnapshotDeleted = z.infer<typeof snapshotDeletedSchema>;
export type WorkspaceEvent = z.infer<typeof workspaceEventSchema>;
export type WorkspaceSummary = z.infer<typeof workspaceSummarySchema>;
export type WorkspaceDeleted = z.infer<typeof workspaceDeletedSchema>;
export type WorkspaceGc = z.infer<typeof workspaceGcSchema>;
