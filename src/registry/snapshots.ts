import type { Snapshot } from "../model/workspace-results.ts";
import type { Registry } from "./database.ts";

/** The named snapshots of workspaces. */
export class SnapshotTable {
  readonly #registry: Registry;

  constructor(registry: Registry) {
    this.#registry = registry;
  }

  /** Makes a snapshot visible; false when there is one of that name, or no such workspace. */
  insert(workspaceId: string, { name, createdAt, storedBytes }: Snapshot): boolean {
    const sql = `INSERT OR IGNORE INTO snapshots (workspace_id, name, created_at, stored_bytes)
                 SELECT workspace_id, :name, :createdAt, :storedBytes FROM workspaces
                 WHERE workspace_id = :workspaceId`;
    const values = { workspaceId, name, createdAt, storedBytes };
    return this.#registry.write((run) => run(sql, values)) === 1;
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
    return this.#registry.write((run) => run(sql, { workspaceId, name })) === 1;
  }
}
