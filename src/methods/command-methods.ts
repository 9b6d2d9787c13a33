import type { CommandOutput, WorkspaceExecResult } from "../model/workspace-results.ts";
import { execWorkspace } from "../workspace/commands/exec-workspace.ts";
import type { WorkspaceContext } from "../workspace/life/workspace-context.ts";
import type {
  ExecWorkspaceOptions,
  ReadOutputOptions,
  ReplayedCommand,
  ReplayOutputOptions,
} from "../workspace/life/workspace-options.ts";
import { readCommandOutput, replayCommandOutput } from "../workspace/review/review-workspace.ts";
import { LifeMethods } from "./life-methods.ts";

/** What runs in a workspace. */
export class CommandMethods extends LifeMethods {
  readonly #context: WorkspaceContext;

  constructor(context: WorkspaceContext) {
    super(context);
    this.#context = context;
  }

  /** Runs one command; one that fails is a result, not an error. */
  execWorkspace(id: string, options: ExecWorkspaceOptions): Promise<WorkspaceExecResult> {
    return execWorkspace(this.#context, id, options);
  }

  /** A piece of what one command wrote so far, both streams as one; can wait for the command's end. */
  readCommandOutput(id: string, options: ReadOutputOptions): Promise<CommandOutput> {
    return readCommandOutput(this.#context, id, options);
  }

  /** Passes on what one command wrote so far, byte for byte. */
  replayCommandOutput(id: string, options: ReplayOutputOptions): Promise<ReplayedCommand> {
    return replayCommandOutput(this.#context, id, options);
  }
}
