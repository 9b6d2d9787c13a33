import type { WorkspaceMethods } from "../methods/workspace-methods.ts";
import type {
  Shell,
  ShellList,
  ShellRead,
  ShellResize,
  ShellSignal,
  ShellWrite,
} from "../model/shell-results.ts";
import type {
  AttachShellOptions,
  OpenShellOptions,
  ReadShellOptions,
  ResizeShellOptions,
  SignalShellOptions,
  WriteShellOptions,
} from "../workspace/shells/shell-options.ts";

/** The shells of one workspace. */
export class ShellsRoom {
  readonly #methods: WorkspaceMethods;
  readonly #id: string;

  constructor(methods: WorkspaceMethods, id: string) {
    this.#methods = methods;
    this.#id = id;
  }

  /** A new one; `await using` closes it at the end of the block. */
  async open(options: OpenShellOptions = {}): Promise<ShellRoom> {
    const { shellId } = await this.#methods.openShell(this.#id, options);
    return this.get(shellId);
  }

  /** One that exists. */
  get(shellId: string): ShellRoom {
    return new ShellRoom(this.#methods, this.#id, shellId);
  }

  list(): Promise<ShellList> {
    return this.#methods.listShells(this.#id);
  }
}

/** One shell. */
export class ShellRoom implements AsyncDisposable {
  readonly id: string;
  readonly #methods: WorkspaceMethods;
  readonly #workspaceId: string;

  constructor(methods: WorkspaceMethods, workspaceId: string, shellId: string) {
    this.#methods = methods;
    this.#workspaceId = workspaceId;
    this.id = shellId;
  }

  read(options: ReadShellOptions = {}): Promise<ShellRead> {
    return this.#methods.readShell(this.#workspaceId, this.id, options);
  }

  write(
    input: string | Uint8Array,
    options: Omit<WriteShellOptions, "input"> = {},
  ): Promise<ShellWrite> {
    return this.#methods.writeShell(this.#workspaceId, this.id, { ...options, input });
  }

  /** Presses keys, such as `ctrl-c` or `up`. */
  press(...keys: readonly string[]): Promise<ShellWrite> {
    return this.#methods.writeShell(this.#workspaceId, this.id, { keys });
  }

  resize(options: ResizeShellOptions): Promise<ShellResize> {
    return this.#methods.resizeShell(this.#workspaceId, this.id, options);
  }

  signal(options: SignalShellOptions = {}): Promise<ShellSignal> {
    return this.#methods.signalShell(this.#workspaceId, this.id, options);
  }

  attach(options: AttachShellOptions): Promise<Shell> {
    return this.#methods.attachShell(this.#workspaceId, this.id, options);
  }

  close(): Promise<Shell> {
    return this.#methods.closeShell(this.#workspaceId, this.id);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
