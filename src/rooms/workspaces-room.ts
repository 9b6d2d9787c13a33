import type { WorkspaceMethods } from "../methods/workspace-methods.ts";
import type { WorkspaceList } from "../model/workspace-results.ts";
import type { CreateWorkspaceOptions } from "../workspace/life/workspace-options.ts";
import { WorkspaceRoom } from "./workspace-room.ts";

/** The workspaces of this host: the flat methods again, gathered around the things people think in. Rooms do nothing themselves. */
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
