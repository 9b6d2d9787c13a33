import type { Snapshot } from "../model/workspace-results.ts";
import type { Registry, Run } from "./database.ts";
import { type OnChange, WorkspaceWriter } from "./workspace-writer.ts";

/** The named snapshots of workspaces. */
export class SnapshotTable {
  readonly #registry: Registry;
  readonly #writer: WorkspaceWriter;

  constructor(registry: Registry, onChange?: OnChange) {
    this.#registry = registry;
    this.#writer = new WorkspaceWriter(registry, onChange);
  }

  /** Makes a snapshot visible; false when there is one of that name, or no such workspace. */
  insert(workspaceId: string, snapshot: Snapshot): boolean {
    return this.#writer.change(workspaceId, (run) => insertSnapshot(run, workspaceId, snapshot));
  }

  /** Oldest first. */
  list(workspaceId: string): Snapshot[] {
    const sql =
      "SELECT * FROM snapshots WHERE workspace_id = :workspaceId ORDER BY created_at, name";
    return this.#registry.all(sql, { workspaceId }).map((row) => ({
      name: String(row.name),
      createdAt: String(row.created_at),
      storedBytes: Number(row.stored_bytes),
    }));
  }

  /** False when it was gone already. */
  remove(workspaceId: string, name: string): boolean {
    const sql = "DELETE FROM snapshots WHERE workspace_id = :workspaceId AND name = :name";
    return this.#writer.change(workspaceId, (run) => run(sql, { workspaceId, name }) === 1);
  }
}

/** Part of a transaction: false when there is a snapshot of that name, or no such workspace. */
export function insertSnapshot(
  run: Run,
  workspaceId: string,
  { name, createdAt, storedBytes }: Snapshot,
): boolean {
  const sql = `INSERT OR IGNORE INTO snapshots (workspace_id, name, created_at, stored_bytes)
               SELECT workspace_id, :name, :createdAt, :storedBytes FROM workspaces
               WHERE workspace_id = :workspaceId`;
  return run(sql, { workspaceId, name, createdAt, storedBytes }) === 1;
}
