import type {
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
  WorkspaceList,
  WorkspaceLogs,
  WorkspacePatchExport,
  WorkspacePatched,
  WorkspaceSummary,
  WorkspaceSync,
} from "./model/workspace-results.ts";
import type {
  ApplyPatchOptions,
  CreateWorkspaceOptions,
  DiffOptions,
  ExecWorkspaceOptions,
  ExportOptions,
  ExportPatchOptions,
  ListFilesOptions,
  LogsOptions,
  ReadFileOptions,
  ReplayedCommand,
  ReplayOutputOptions,
  ResetOptions,
  SnapshotOptions,
  StreamDiffOptions,
  StreamedDiff,
  SummaryOptions,
  SyncOptions,
  WriteFileOptions,
} from "./workspace/workspace-options.ts";
import type { WorkspaceMethods } from "./workspace-methods.ts";

// The same methods as WorkspaceMethods', gathered around the things people think in. Nothing here does anything itself.

/** Options of a command that is given as words or as one shell line. */
export type ExecOptions = Omit<ExecWorkspaceOptions, "command">;

/** The workspaces of this host. */
export class WorkspacesRoom {
  readonly #methods: WorkspaceMethods;

  constructor(methods: WorkspaceMethods) {
    this.#methods = methods;
  }

  /** A new workspace; `await using` deletes it at the end of the block. */
  async create(options: CreateWorkspaceOptions): Promise<WorkspaceRoom> {
    const { workspaceId } = await this.#methods.createWorkspace(options);
    return new WorkspaceRoom(this.#methods, workspaceId);
  }

  /** One that exists, by id, unique prefix or name. It is not deleted at the end of any block unless `await using` says so. */
  async open(id: string): Promise<WorkspaceRoom> {
    const { workspaceId } = await this.#methods.statusWorkspace(id);
    return new WorkspaceRoom(this.#methods, workspaceId);
  }

  list(): Promise<WorkspaceList> {
    return this.#methods.listWorkspaces();
  }
}

/** One workspace. */
export class WorkspaceRoom implements AsyncDisposable {
  readonly id: string;
  readonly files: FilesRoom;
  readonly snapshots: SnapshotsRoom;
  readonly #methods: WorkspaceMethods;

  constructor(methods: WorkspaceMethods, id: string) {
    this.id = id;
    this.#methods = methods;
    this.files = new FilesRoom(methods, id);
    this.snapshots = new SnapshotsRoom(methods, id);
  }

  status(): Promise<Workspace> {
    return this.#methods.statusWorkspace(this.id);
  }

  /** Runs a program with arguments, or a line of the guest's shell. */
  exec(
    command: string | readonly string[],
    options: ExecOptions = {},
  ): Promise<WorkspaceExecResult> {
    const words = typeof command === "string" ? ["sh", "-c", command] : command;
    return this.#methods.execWorkspace(this.id, { ...options, command: words });
  }

  logs(options: LogsOptions = {}): Promise<WorkspaceLogs> {
    return this.#methods.logsWorkspace(this.id, options);
  }

  /** What one command wrote, byte for byte. */
  replayOutput(options: ReplayOutputOptions): Promise<ReplayedCommand> {
    return this.#methods.replayCommandOutput(this.id, options);
  }

  summary(options: SummaryOptions = {}): Promise<WorkspaceSummary> {
    return this.#methods.summarizeWorkspace(this.id, options);
  }

  diff(options: DiffOptions = {}): Promise<WorkspaceDiff> {
    return this.#methods.diffWorkspace(this.id, options);
  }

  /** The text of the diff as bytes, which need not be UTF-8. */
  streamDiff(options: StreamDiffOptions): Promise<StreamedDiff> {
    return this.#methods.streamWorkspaceDiff(this.id, options);
  }

  applyPatch(
    patch: string | Uint8Array,
    options: Omit<ApplyPatchOptions, "patch"> = {},
  ): Promise<WorkspacePatched> {
    return this.#methods.applyWorkspacePatch(this.id, { ...options, patch });
  }

  push(source: string, options: SyncOptions = {}): Promise<WorkspaceSync> {
    return this.#methods.pushWorkspaceSync(this.id, source, options);
  }

  export(path: string, options: ExportOptions): Promise<WorkspaceExport> {
    return this.#methods.exportWorkspace(this.id, path, options);
  }

  exportPatch(options: ExportPatchOptions): Promise<WorkspacePatchExport> {
    return this.#methods.exportWorkspacePatch(this.id, options);
  }

  reset(options: ResetOptions = {}): Promise<Workspace> {
    return this.#methods.resetWorkspace(this.id, options);
  }

  stop(): Promise<Workspace> {
    return this.#methods.stopWorkspace(this.id);
  }

  start(): Promise<Workspace> {
    return this.#methods.startWorkspace(this.id);
  }

  delete(): Promise<WorkspaceDeleted> {
    return this.#methods.deleteWorkspace(this.id);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.delete();
  }
}

/** The files of one workspace. */
export class FilesRoom {
  readonly #methods: WorkspaceMethods;
  readonly #id: string;

  constructor(methods: WorkspaceMethods, id: string) {
    this.#methods = methods;
    this.#id = id;
  }

  list(options: ListFilesOptions = {}): Promise<WorkspaceFileList> {
    return this.#methods.listWorkspaceFiles(this.#id, options);
  }

  read(path: string, options: ReadFileOptions = {}): Promise<WorkspaceFileContent> {
    return this.#methods.readWorkspaceFile(this.#id, path, options);
  }

  write(
    path: string,
    text: string | Uint8Array,
    options: Omit<WriteFileOptions, "text"> = {},
  ): Promise<WorkspaceFileWritten> {
    return this.#methods.writeWorkspaceFile(this.#id, path, { ...options, text });
  }
}

/** The snapshots of one workspace. */
export class SnapshotsRoom {
  readonly #methods: WorkspaceMethods;
  readonly #id: string;

  constructor(methods: WorkspaceMethods, id: string) {
    this.#methods = methods;
    this.#id = id;
  }

  create(name: string, options?: SnapshotOptions): Promise<SnapshotCreated> {
    return this.#methods.createSnapshot(this.#id, name, options);
  }

  list(): Promise<SnapshotList> {
    return this.#methods.listSnapshots(this.#id);
  }

  delete(name: string, options?: SnapshotOptions): Promise<SnapshotDeleted> {
    return this.#methods.deleteSnapshot(this.#id, name, options);
  }
}
