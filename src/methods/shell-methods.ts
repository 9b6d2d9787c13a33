import type {
  Shell,
  ShellList,
  ShellRead,
  ShellResize,
  ShellSignal,
  ShellWrite,
} from "../model/shell-results.ts";
import type { WorkspaceContext } from "../workspace/life/workspace-context.ts";
import { attachShell } from "../workspace/shells/attach-shell.ts";
import type {
  AttachShellOptions,
  OpenShellOptions,
  ReadShellOptions,
  ResizeShellOptions,
  SignalShellOptions,
  WriteShellOptions,
} from "../workspace/shells/shell-options.ts";
import {
  closeShell,
  listShells,
  openShell,
  readShell,
  resizeShell,
  signalShell,
  writeShell,
} from "../workspace/shells/shells.ts";
import { ServiceMethods } from "./service-methods.ts";

/** Programs on terminals that stay. `shellId` may be shortened to a beginning that no other shell of the workspace has. */
export class ShellMethods extends ServiceMethods {
  readonly #context: WorkspaceContext;

  constructor(context: WorkspaceContext) {
    super(context);
    this.#context = context;
  }

  /** Starts a program on a terminal of its own; it lives on when this process ends. */
  openShell(id: string, options: OpenShellOptions = {}): Promise<Shell> {
    return openShell(this.#context, id, options);
  }

  /** The shells that run, and those that ended and were not closed. */
  listShells(id: string): Promise<ShellList> {
    return listShells(this.#context, id);
  }

  /** What a shell wrote since a cursor, as bytes or as a person would have read it, or its screen; can wait. */
  readShell(id: string, shellId: string, options: ReadShellOptions = {}): Promise<ShellRead> {
    return readShell(this.#context, { id, shellId }, options);
  }

  /** Types text and presses keys. */
  writeShell(id: string, shellId: string, options: WriteShellOptions): Promise<ShellWrite> {
    return writeShell(this.#context, { id, shellId }, options);
  }

  resizeShell(id: string, shellId: string, options: ResizeShellOptions): Promise<ShellResize> {
    return resizeShell(this.#context, { id, shellId }, options);
  }

  /** Sends a signal to what runs in the foreground of a shell. */
  signalShell(id: string, shellId: string, options: SignalShellOptions = {}): Promise<ShellSignal> {
    return signalShell(this.#context, { id, shellId }, options);
  }

  /** Ends everything that a shell started, and forgets it. */
  closeShell(id: string, shellId: string): Promise<Shell> {
    return closeShell(this.#context, { id, shellId });
  }

  /** Passes on what a shell writes and types what comes, until the shell ends or the caller detaches. */
  attachShell(id: string, shellId: string, options: AttachShellOptions): Promise<Shell> {
    return attachShell(this.#context, { id, shellId }, options);
  }
}
