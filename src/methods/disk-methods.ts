import type {
  WorkspaceDiskExport,
  WorkspaceFileContent,
  WorkspaceFileList,
} from "../model/workspace-results.ts";
import { exportWorkspaceDisk } from "../workspace/disks/export-disk.ts";
import { listWorkspaceDisk, readWorkspaceDisk } from "../workspace/disks/read-disk.ts";
import type { WorkspaceContext } from "../workspace/life/workspace-context.ts";
import type {
  ExportDiskOptions,
  ListDiskOptions,
  ReadDiskOptions,
} from "../workspace/life/workspace-options.ts";
import { NetworkMethods } from "./network-methods.ts";

/** A stopped workspace's disk. The workspace does not run for it. */
export class DiskMethods extends NetworkMethods {
  readonly #context: WorkspaceContext;

  constructor(context: WorkspaceContext) {
    super(context);
    this.#context = context;
  }

  /** Lists a directory of the guest's whole root. */
  listWorkspaceDisk(id: string, options: ListDiskOptions = {}): Promise<WorkspaceFileList> {
    return listWorkspaceDisk(this.#context, id, options);
  }

  /** Reads a file of the guest's whole root; links lead where they led in the guest. */
  readWorkspaceDisk(
    id: string,
    path: string,
    options: ReadDiskOptions = {},
  ): Promise<WorkspaceFileContent> {
    return readWorkspaceDisk(this.#context, { ...options, id, path });
  }

  /** Writes the guest's whole root as one raw ext4 image: complete, or not at all. */
  exportWorkspaceDisk(id: string, options: ExportDiskOptions): Promise<WorkspaceDiskExport> {
    return exportWorkspaceDisk(this.#context, id, options);
  }
}
