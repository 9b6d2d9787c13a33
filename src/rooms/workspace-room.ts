import type { WorkspaceMethods } from "../methods/workspace-methods.ts";
import type {
  Workspace,
  WorkspaceDeleted,
  WorkspaceDiff,
  WorkspaceExecResult,
  WorkspaceExport,
  WorkspaceLogs,
  WorkspacePatchExport,
  WorkspacePatched,
  WorkspaceSummary,
  WorkspaceSync,
} from "../model/workspace-results.ts";
import type {
  ApplyPatchOptions,
  DiffOptions,
  ExecWorkspaceOptions,
  ExportOptions,
  ExportPatchOptions,
  LogsOptions,
  ReplayedCommand,
  ReplayOutputOptions,
  ResetOptions,
  StartWorkspaceOptions,
  StreamDiffOptions,
  StreamedDiff,
  SummaryOptions,
  SyncOptions,
} from "../workspace/life/workspace-options.ts";
import { DiskRoom } from "./disk-room.ts";
import { FilesRoom } from "./files-room.ts";
import { NetworkRoom } from "./network-room.ts";
import { PortsRoom } from "./ports-room.ts";
import { SecretsRoom } from "./secrets-room.ts";
import { ServicesRoom } from "./services-room.ts";
import { ShellsRoom } from "./shells-room.ts";
import { SnapshotsRoom } from "./snapshots-room.ts";

/** Options of a command that is given as words or as one shell line. */
export type ExecOptions = Omit<ExecWorkspaceOptions, "command">;

/** One workspace. */
export class WorkspaceRoom implements AsyncDisposable {
  readonly id: string;
  readonly files: FilesRoom;
  readonly snapshots: SnapshotsRoom;
  readonly services: ServicesRoom;
  readonly ports: PortsRoom;
  readonly network: NetworkRoom;
  readonly shells: ShellsRoom;
  readonly secrets: SecretsRoom;
  readonly disk: DiskRoom;
  readonly #methods: WorkspaceMethods;

  constructor(methods: WorkspaceMethods, id: string) {
    this.id = id;
    this.#methods = methods;
    this.files = new FilesRoom(methods, id);
    this.snapshots = new SnapshotsRoom(methods, id);
    this.services = new ServicesRoom(methods, id);
    this.ports = new PortsRoom(methods, id);
    this.network = new NetworkRoom(methods, id);
    this.shells = new ShellsRoom(methods, id);
    this.secrets = new SecretsRoom(methods, id);
    this.disk = new DiskRoom(methods, id);
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

  start(options: StartWorkspaceOptions = {}): Promise<Workspace> {
    return this.#methods.startWorkspace(this.id, options);
  }

  delete(): Promise<WorkspaceDeleted> {
    return this.#methods.deleteWorkspace(this.id);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.delete();
  }
}
