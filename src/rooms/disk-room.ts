import type { WorkspaceMethods } from "../methods/workspace-methods.ts";
import type {
  WorkspaceDiskExport,
  WorkspaceFileContent,
  WorkspaceFileList,
} from "../model/workspace-results.ts";
import type {
  ExportDiskOptions,
  ListDiskOptions,
  ReadDiskOptions,
} from "../workspace/life/workspace-options.ts";

/** The disk of one workspace, while that is stopped. */
export class DiskRoom {
  readonly #methods: WorkspaceMethods;
  readonly #id: string;

  constructor(methods: WorkspaceMethods, id: string) {
    this.#methods = methods;
    this.#id = id;
  }

  list(options: ListDiskOptions = {}): Promise<WorkspaceFileList> {
    return this.#methods.listWorkspaceDisk(this.#id, options);
  }

  read(path: string, options: ReadDiskOptions = {}): Promise<WorkspaceFileContent> {
    return this.#methods.readWorkspaceDisk(this.#id, path, options);
  }

  export(options: ExportDiskOptions): Promise<WorkspaceDiskExport> {
    return this.#methods.exportWorkspaceDisk(this.#id, options);
  }
}
