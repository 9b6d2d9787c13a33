import type {
  Workspace,
  WorkspaceDeleted,
  WorkspaceGc,
  WorkspaceList,
} from "../model/workspace-results.ts";
import {
  gcWorkspaces,
  listWorkspaces,
  statusWorkspace,
  updateWorkspace,
} from "../workspace/life/manage-workspaces.ts";
import { deleteWorkspace, startWorkspace, stopWorkspace } from "../workspace/life/run-workspace.ts";
import type { WorkspaceContext } from "../workspace/life/workspace-context.ts";
import type {
  CreateWorkspaceOptions,
  GcOptions,
  ResetOptions,
  StartWorkspaceOptions,
  UpdateWorkspaceOptions,
} from "../workspace/life/workspace-options.ts";
import { createWorkspace } from "../workspace/seed/create-workspace.ts";
import { resumeWorkspace } from "../workspace/services/resume-services.ts";
import { resetWorkspace } from "../workspace/snapshots/reset-workspace.ts";

/** How workspaces begin, are found, go on and end. */
export class LifeMethods {
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

  /** Starts a stopped or failed workspace again, its disk as it was; its services only when asked to. */
  startWorkspace(id: string, options: StartWorkspaceOptions = {}): Promise<Workspace> {
    const start = options.resumeServices ? resumeWorkspace : startWorkspace;
    return start(this.#context, id, options);
  }

  /** Powers a workspace off; disk, snapshots and history stay. */
  stopWorkspace(id: string): Promise<Workspace> {
    return stopWorkspace(this.#context, id);
  }

  /** A new sandbox with /workspace as a snapshot has it, and no history. */
  resetWorkspace(id: string, options: ResetOptions = {}): Promise<Workspace> {
    return resetWorkspace(this.#context, id, options);
  }

  /** Ends a workspace and removes everything of it. One that is gone is no error. */
  deleteWorkspace(id: string): Promise<WorkspaceDeleted> {
    return deleteWorkspace(this.#context, id);
  }

  /** Deletes workspaces that are expired, left over by crashes or, when asked, long unused. */
  gcWorkspaces(options: GcOptions = {}): Promise<WorkspaceGc> {
    return gcWorkspaces(this.#context, options);
  }
}
