import { limits } from "../../../model/limits.ts";
import type { ConnectionRow, ConnectionTable } from "../../../registry/connections.ts";
import { now } from "../../records/workspace-records.ts";
import type { EgressAttempt, EgressEnd } from "./egress-relay.ts";

/** How long a connection may be unknown to others; a flush each would hold up all that goes on. */
const flushMs = 250;

/** Writes down what the programs of one workspace tried, many at a time. */
export class ConnectionLog {
  readonly #workspaceId: string;
  readonly #table: ConnectionTable;
  #number: number;
  readonly #changed = new Map<number, ConnectionRow>();
  /** Denied ones by what makes them alike. */
  readonly #denied = new Map<string, ConnectionRow>();
  #timer: NodeJS.Timeout | undefined;

  constructor(workspaceId: string, table: ConnectionTable) {
    this.#workspaceId = workspaceId;
    this.#table = table;
    this.#number = table.newest(workspaceId);
  }

  record(attempt: EgressAttempt): (end: EgressEnd) => void {
    const { group, ...shown } = attempt;
    const row: ConnectionRow = {
      ...shown,
      source: group,
      connectionId: 0,
      at: now(),
      count: 1,
      endedAt: null,
      failure: null,
      sentBytes: 0,
      receivedBytes: 0,
    };
    if (row.verdict === "deny") this.#countDenied(row);
    else return this.#follow(this.#put({ ...row, connectionId: ++this.#number }));
    return () => undefined;
  }

  /** Makes all that was recorded known to others. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const rows = [...this.#changed.values()];
    this.#changed.clear();
    if (rows.length === 0) return;
    try {
      this.#table.put(this.#workspaceId, rows);
    } catch {
      // A full disk keeps nobody from his connection.
    }
  }

  #countDenied(row: ConnectionRow): void {
    const { source, program, host, port, rule } = row;
    const key = JSON.stringify([source, program, host, port, rule]);
    const known = this.#denied.get(key);
    const counted =
      known === undefined
        ? { ...row, connectionId: ++this.#number, endedAt: row.at }
        : { ...known, count: known.count + 1, endedAt: row.at };
    this.#denied.delete(key);
    this.#denied.set(key, this.#put(counted));
    const [oldest] = this.#denied.keys();
    if (this.#denied.size > limits.networkLogMax && oldest !== undefined)
      this.#denied.delete(oldest);
  }

  #follow(row: ConnectionRow): (end: EgressEnd) => void {
    return (end) => this.#put({ ...row, ...end, endedAt: now() });
  }

  #put(row: ConnectionRow): ConnectionRow {
    this.#changed.set(row.connectionId, row);
    this.#timer ??= setTimeout(() => this.flush(), flushMs);
    return row;
  }
}
