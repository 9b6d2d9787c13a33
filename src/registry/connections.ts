import { limits } from "../model/limits.ts";
import type { NetworkConnection } from "../model/network-results.ts";
import type { Registry, Row } from "./database.ts";

/** A connection that a program of a workspace tried; denied ones that are alike are one row. */
export type ConnectionRow = NetworkConnection;

export interface WhichConnections {
  /** What tried them: `command:3`, `service:web`, `shell:sh-…`. */
  readonly source?: string | undefined;
  readonly verdict?: ConnectionRow["verdict"] | undefined;
  /** Only those with a higher number than this. */
  readonly after?: number | undefined;
  /** The newest so many. Default all. */
  readonly last?: number | undefined;
}

/** What the programs of workspaces tried to reach. */
export class ConnectionTable {
  readonly #registry: Registry;

  constructor(registry: Registry) {
    this.#registry = registry;
  }

  /** The number of the workspace's newest row; 0 where there is none. */
  newest(workspaceId: string): number {
    const sql =
      "SELECT MAX(connection_id) AS newest FROM connections WHERE workspace_id = :workspaceId";
    const [row] = this.#registry.all(sql, { workspaceId });
    return Number(row?.newest ?? 0);
  }

  /** Writes rows down as they are now, each in place of what was there under its number. */
  put(workspaceId: string, rows: readonly ConnectionRow[]): void {
    this.#registry.write((run) => {
      // Nothing is recorded of a workspace that is gone.
      for (const { connectionId, ...row } of rows)
        run(
          `INSERT OR REPLACE INTO connections (workspace_id, connection_id, at, source, program, host, port, address,
             verdict, rule, reason, count, ended_at, failure, sent_bytes, received_bytes)
           SELECT workspace_id, :connectionId, :at, :source, :program, :host, :port, :address,
             :verdict, :rule, :reason, :count, :endedAt, :failure, :sentBytes, :receivedBytes
           FROM workspaces WHERE workspace_id = :workspaceId`,
          { workspaceId, connectionId, ...row },
        );
      run(
        `DELETE FROM connections WHERE workspace_id = :workspaceId AND connection_id <=
           (SELECT connection_id FROM connections WHERE workspace_id = :workspaceId
            ORDER BY connection_id DESC LIMIT 1 OFFSET :max)`,
        { workspaceId, max: limits.networkLogMax },
      );
    });
  }

  /** The oldest first. */
  list(
    workspaceId: string,
    { source, verdict, after, last }: WhichConnections = {},
  ): ConnectionRow[] {
    const sql = `SELECT * FROM (SELECT * FROM connections WHERE workspace_id = :workspaceId AND connection_id > :after
                   AND (:source IS NULL OR source = :source) AND (:verdict IS NULL OR verdict = :verdict)
                   ORDER BY connection_id DESC LIMIT :last) ORDER BY connection_id`;
    const parameters = {
      workspaceId,
      source: source ?? null,
      verdict: verdict ?? null,
      after: after ?? 0,
      last: last ?? -1,
    };
    return this.#registry.all(sql, parameters).map(toRow);
  }

  /** Forgets what was tried so far, as a reset does. */
  clear(workspaceId: string): void {
    const sql = "DELETE FROM connections WHERE workspace_id = :workspaceId";
    this.#registry.write((run) => run(sql, { workspaceId }));
  }
}

function toRow(row: Row): ConnectionRow {
  const text = (column: string) => (row[column] === null ? null : String(row[column]));
  return {
    connectionId: Number(row.connection_id),
    at: String(row.at),
    source: text("source"),
    program: String(row.program),
    host: String(row.host),
    port: Number(row.port),
    address: text("address"),
    verdict: row.verdict === "allow" ? "allow" : "deny",
    rule: String(row.rule),
    reason: String(row.reason),
    count: Number(row.count),
    endedAt: text("ended_at"),
    failure: text("failure"),
    sentBytes: Number(row.sent_bytes),
    receivedBytes: Number(row.received_bytes),
  };
}
