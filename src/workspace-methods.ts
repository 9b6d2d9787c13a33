import type {
  CommandOutput,
  SnapshotCreated,
  SnapshotDeleted,
  SnapshotList,
  Workspace,
  WorkspaceDeleted,
  WorkspaceDiff,
  WorkspaceExecResult,
  WorkspaceExport,
  WorkspaceFileContent,
  WorkspaceFileList,
  WorkspaceFileWritten,
  WorkspaceGc,
  WorkspaceList,
  WorkspaceLogs,
  WorkspacePatchExport,
  WorkspacePatched,
  WorkspaceSummary,
  WorkspaceSync,
} from "./model/workspace-results.ts";
import { createWorkspace } from "./workspace/create-workspace.ts";
import {
  diffWorkspace,
  exportWorkspacePatch,
  streamWorkspaceDiff,
} from "./workspace/diff-workspace.ts";
import { execWorkspace } from "./workspace/exec-workspace.ts";
import { exportWorkspace } from "./workspace/export-workspace.ts";
import type { WorkOptions } from "./workspace/host.ts";
import {
  gcWorkspaces,
  listWorkspaces,
  statusWorkspace,
  updateWorkspace,
} from "./workspace/manage-workspaces.ts";
import { applyWorkspacePatch } from "./workspace/patch-workspace.ts";
import { resetWorkspace } from "./workspace/reset-workspace.ts";
import {
  logsWorkspace,
  readCommandOutput,
  replayCommandOutput,
  summarizeWorkspace,
} from "./workspace/review-workspace.ts";
import { deleteWorkspace, startWorkspace, stopWorkspace } from "./workspace/run-workspace.ts";
import { createSnapshot, deleteSnapshot, listSnapshots } from "./workspace/snapshots.ts";
import type { WorkspaceContext } from "./workspace/workspace-context.ts";
import type {
  ApplyPatchOptions,
  CreateWorkspaceOptions,
  DiffOptions,
  ExecWorkspaceOptions,
  ExportOptions,
  ExportPatchOptions,
  GcOptions,
  ListFilesOptions,
  LogsOptions,
  ReadFileOptions,
  ReadOutputOptions,
  ReplayedCommand,
  ReplayOutputOptions,
  ResetOptions,
  SnapshotOptions,
  StreamDiffOptions,
  StreamedDiff,
  SummaryOptions,
  SyncOptions,
  UpdateWorkspaceOptions,
  WriteFileOptions,
} from "./workspace/workspace-options.ts";
import {
  listWorkspaceFiles,
  pushWorkspaceSync,
  readWorkspaceFile,
  writeWorkspaceFile,
} from "./workspace/workspace-tree.ts";

/** The flat methods about workspaces. Everywhere, `id` is an id, a unique prefix of one, or a name. */
export class WorkspaceMethods {
  readonly #context: WorkspaceContext;

  constructor(context: WorkspaceContext) {
    this.#context = context;
  }

  /** A new workspace, started, with its seed in place. Nothing is left of one that could not be created. */
  createWorkspace(options: CreateWorkspaceOptions): Promise<Workspace> {
    return createWorkspace(this.#context, options);
  }

  /** All workspaces, newest activity first. */
  listWorkspaces(): Promise<WorkspaceList> {
    return listWorkspaces(this.#context);
  }

  statusWorkspace(id: string): Promise<Workspace> {
    return statusWorkspace(this.#context, id);
  }

  /** Changes name and labels, and nothing else. */
  updateWorkspace(id: string, options: UpdateWorkspaceOptions): Promise<Workspace> {
    return updateWorkspace(this.#context, id, options);
  }

  /** Starts a stopped or failed workspace again, its disk as it was. */
  startWorkspace(id: string, options: WorkOptions = {}): Promise<Workspace> {
    return startWorkspace(this.#context, id, options);
  }

  /** Powers a workspace off; disk, snapshots and history stay. */
  stopWorkspace(id: string): Promise<Workspace> {
    return stopWorkspace(this.#context, id);
  }

  /** Ends a workspace and removes everything of it. One that is gone is no error. */
  deleteWorkspace(id: string): Promise<WorkspaceDeleted> {
    return deleteWorkspace(this.#context, id);
  }

  /** A new sandbox with /workspace as a snapshot has it, and no history. */
  resetWorkspace(id: string, options: ResetOptions = {}): Promise<Workspace> {
    return resetWorkspace(this.#context, id, options);
  }

  /** Runs one command; one that fails is a result, not an error. */
  execWorkspace(id: string, options: ExecWorkspaceOptions): Promise<WorkspaceExecResult> {
    return execWorkspace(this.#context, id, options);
  }

  /** The commands since the last reset, with what they wrote. */
  logsWorkspace(id: string, options: LogsOptions = {}): Promise<WorkspaceLogs> {
    return logsWorkspace(this.#context, id, options);
  }

  /** A piece of what one command wrote so far, both streams as one; can wait for the command's end. */
  readCommandOutput(id: string, options: ReadOutputOptions): Promise<CommandOutput> {
    return readCommandOutput(this.#context, id, options);
  }

  /** Passes on what one command wrote so far, byte for byte. */
  replayCommandOutput(id: string, options: ReplayOutputOptions): Promise<ReplayedCommand> {
    return replayCommandOutput(this.#context, id, options);
  }

  /** What a reviewer looks at, on one screen. */
  summarizeWorkspace(id: string, options: SummaryOptions = {}): Promise<WorkspaceSummary> {
    return summarizeWorkspace(this.#context, id, options);
  }

  /** Brings a directory or archive of the host into a started workspace. */
  pushWorkspaceSync(id: string, source: string, options: SyncOptions = {}): Promise<WorkspaceSync> {
    return pushWorkspaceSync(this.#context, { ...options, id, source });
  }

  listWorkspaceFiles(id: string, options: ListFilesOptions = {}): Promise<WorkspaceFileList> {
    return listWorkspaceFiles(this.#context, id, options);
  }

  readWorkspaceFile(
    id: string,
    path: string,
    options: ReadFileOptions = {},
  ): Promise<WorkspaceFileContent> {
    return readWorkspaceFile(this.#context, { ...options, id, path });
  }

  /** Makes or replaces one file, atomically; missing directories are made. */
  writeWorkspaceFile(
    id: string,
    path: string,
    options: WriteFileOptions,
  ): Promise<WorkspaceFileWritten> {
    return writeWorkspaceFile(this.#context, { ...options, id, path });
  }

  /** Applies one patch: all of it or nothing. */
  applyWorkspacePatch(id: string, options: ApplyPatchOptions): Promise<WorkspacePatched> {
    return applyWorkspacePatch(this.#context, id, options);
  }

  /** What changed since the workspace was created. */
  diffWorkspace(id: string, options: DiffOptions = {}): Promise<WorkspaceDiff> {
    return diffWorkspace(this.#context, id, options);
  }

  /** The same text as bytes, which need not be UTF-8, and without a limit. */
  streamWorkspaceDiff(id: string, options: StreamDiffOptions): Promise<StreamedDiff> {
    return streamWorkspaceDiff(this.#context, id, options);
  }

  /** Brings a file or directory back to the host: complete, or not at all. */
  exportWorkspace(id: string, path: string, options: ExportOptions): Promise<WorkspaceExport> {
    return exportWorkspace(this.#context, { ...options, id, path });
  }

  /** Writes the changes as a patch that `git apply` takes. */
  exportWorkspacePatch(id: string, options: ExportPatchOptions): Promise<WorkspacePatchExport> {
    return exportWorkspacePatch(this.#context, id, options);
  }

  /** Keeps /workspace as it is now under a name. */
  createSnapshot(id: string, name: string, options?: SnapshotOptions): Promise<SnapshotCreated> {
    return createSnapshot(this.#context, id, name, options);
  }

  listSnapshots(id: string): Promise<SnapshotList> {
    return listSnapshots(this.#context, id);
  }

  deleteSnapshot(id: string, name: string, options?: SnapshotOptions): Promise<SnapshotDeleted> {
    return deleteSnapshot(this.#context, id, name, options);
  }

  /** Deletes workspaces that are expired, left over by crashes or, when asked, long unused. */
  gcWorkspaces(options: GcOptions = {}): Promise<WorkspaceGc> {
    return gcWorkspaces(this.#context, options);
  }
}
