import type { WorkspaceMethods } from "../methods/workspace-methods.ts";
import type { SnapshotCreated, SnapshotDeleted, SnapshotList } from "../model/workspace-results.ts";
import type { SnapshotOptions } from "../workspace/life/workspace-options.ts";

/** The snapshots of one workspace. */
export class SnapshotsRoom {
  readonly #methods: WorkspaceMethods;
  readonly #id: string;

  constructor(methods: WorkspaceMethods, id: string) {
    this.#methods = methods;
    this.#id = id;
  }

  create(name: string, options?: SnapshotOptions): Promise<SnapshotCreated> {
    return this.#methods.createSnapshot(this.#id, name, options);
  }

  list(): Promise<SnapshotList> {
    return this.#methods.listSnapshots(this.#id);
  }

  delete(name: string, options?: SnapshotOptions): Promise<SnapshotDeleted> {
    return this.#methods.deleteSnapshot(this.#id, name, options);
  }
}
