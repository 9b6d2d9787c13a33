import type { WorkspaceMethods } from "../methods/workspace-methods.ts";
import type {
  WorkspaceFileContent,
  WorkspaceFileList,
  WorkspaceFileWritten,
} from "../model/workspace-results.ts";
import type {
  ListFilesOptions,
  ReadFileOptions,
  WriteFileOptions,
} from "../workspace/life/workspace-options.ts";

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
