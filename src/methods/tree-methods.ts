import type {
  SnapshotCreated,
  SnapshotDeleted,
  SnapshotList,
  WorkspaceExport,
  WorkspaceFileContent,
  WorkspaceFileList,
  WorkspaceFileWritten,
  WorkspacePatched,
  WorkspaceSync,
} from "../model/workspace-results.ts";
import type { WorkspaceContext } from "../workspace/life/workspace-context.ts";
import type {
  ApplyPatchOptions,
  ExportOptions,
  ListFilesOptions,
  ReadFileOptions,
  SnapshotOptions,
  SyncOptions,
  WriteFileOptions,
} from "../workspace/life/workspace-options.ts";
import { createSnapshot, deleteSnapshot, listSnapshots } from "../workspace/snapshots/snapshots.ts";
import { exportWorkspace } from "../workspace/tree/export-workspace.ts";
import { applyWorkspacePatch } from "../workspace/tree/patch-workspace.ts";
import {
  listWorkspaceFiles,
  pushWorkspaceSync,
  readWorkspaceFile,
  writeWorkspaceFile,
} from "../workspace/tree/workspace-tree.ts";
import { CommandMethods } from "./command-methods.ts";

/** Files into a workspace and out of it. */
export class TreeMethods extends CommandMethods {
  readonly #context: WorkspaceContext;

  constructor(context: WorkspaceContext) {
    super(context);
    this.#context = context;
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

  /** Brings a file or directory back to the host: complete, or not at all. */
  exportWorkspace(id: string, path: string, options: ExportOptions): Promise<WorkspaceExport> {
    return exportWorkspace(this.#context, { ...options, id, path });
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
}
