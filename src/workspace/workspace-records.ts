import { Registry } from "../registry/database.ts";
import { Journal } from "../registry/journal.ts";
import { SnapshotTable } from "../registry/snapshots.ts";
import { WorkspaceTable } from "../registry/workspaces.ts";

/** What is remembered about workspaces. */
export class WorkspaceRecords implements Disposable {
  readonly workspaces: WorkspaceTable;
  readonly journal: Journal;
  readonly snapshots: SnapshotTable;
  readonly #registry: Registry;

  private constructor(registry: Registry) {
    this.#registry = registry;
    this.workspaces = new WorkspaceTable(registry);
    this.journal = new Journal(registry);
    this.snapshots = new SnapshotTable(registry);
  }

  static open(stateDirectory: string): WorkspaceRecords {
    return new WorkspaceRecords(Registry.open(stateDirectory));
  }

  [Symbol.dispose](): void {
    this.#registry[Symbol.dispose]();
  }
}

/** The moment, as the registry has it. */
export function now(): string {
  return new Date().toISOString();
}
