import type { Registry, Run } from "./database.ts";
import { type OnChange, WorkspaceWriter } from "./workspace-writer.ts";

/** A port of a workspace's guest that one of the host leads to. */
export interface PortRow {
  readonly hostPort: number;
  readonly guestPort: number;
  /** With whose end it ends; null: until it is unpublished. */
  readonly service: string | null;
}

/** The published ports of workspaces. */
export class PortTable {
  readonly #registry: Registry;
  readonly #writer: WorkspaceWriter;

  constructor(registry: Registry, onChange?: OnChange) {
    this.#registry = registry;
    this.#writer = new WorkspaceWriter(registry, onChange);
  }

  /** By the host's port. */
  list(workspaceId: string): PortRow[] {
    const sql =
      "SELECT * FROM published_ports WHERE workspace_id = :workspaceId ORDER BY host_port";
    return this.#registry.all(sql, { workspaceId }).map((row) => ({
      hostPort: Number(row.host_port),
      guestPort: Number(row.guest_port),
      service: row.service === null ? null : String(row.service),
    }));
  }

  /** Which workspaces have published on a port of the host. */
  workspacesAt(hostPort: number): string[] {
    const sql = "SELECT workspace_id FROM published_ports WHERE host_port = :hostPort";
    return this.#registry.all(sql, { hostPort }).map((row) => String(row.workspace_id));
  }

  put(workspaceId: string, row: PortRow): void {
    this.#writer.change(workspaceId, (run) => putPort(run, workspaceId, row));
  }

  /** False when it was not published. */
  remove(workspaceId: string, hostPort: number): boolean {
    const sql =
      "DELETE FROM published_ports WHERE workspace_id = :workspaceId AND host_port = :hostPort";
    return this.#writer.change(workspaceId, (run) => run(sql, { workspaceId, hostPort }) === 1);
  }

  /** Forgets all of them, as a reset does. */
  clear(workspaceId: string): void {
    const sql = "DELETE FROM published_ports WHERE workspace_id = :workspaceId";
    this.#writer.change(workspaceId, (run) => run(sql, { workspaceId }) > 0);
  }

  /** Forgets those that belong to no service. */
  removeUnowned(workspaceId: string): void {
    const sql = "DELETE FROM published_ports WHERE workspace_id = :workspaceId AND service IS NULL";
    this.#writer.change(workspaceId, (run) => run(sql, { workspaceId }) > 0);
  }
}

/** Part of a transaction: false when there is no such workspace. */
export function putPort(
  run: Run,
  workspaceId: string,
  { hostPort, guestPort, service }: PortRow,
): boolean {
  const sql = `INSERT OR REPLACE INTO published_ports (workspace_id, host_port, guest_port, service)
               SELECT workspace_id, :hostPort, :guestPort, :service FROM workspaces
               WHERE workspace_id = :workspaceId`;
  return run(sql, { workspaceId, hostPort, guestPort, service }) === 1;
}
