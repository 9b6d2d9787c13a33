import { limits } from "../../../model/limits.ts";
import type { ConnectionRow, ConnectionTable } from "../../../registry/connections.ts";
import { now } from "../../records/workspace-records.ts";
import type { EgressAttempt, RecordedAttempt } from "./egress-relay.ts";

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

  record(attempt: EgressAttempt): RecordedAttempt {
    const row: ConnectionRow = {
      ...attempt,
      source: null,
      program: "",
      connectionId: 0,
      at: now(),
      count: 1,
      endedAt: null,
      failure: null,
      sentBytes: 0,
      receivedBytes: 0,
    };
    if (row.verdict === "allow") return this.#follow({ ...row, connectionId: ++this.#number });
    // What tells denied ones apart is whose they are.
    return {
      attribute: ({ group, program }) => this.#countDenied({ ...row, source: group, program }),
      end: () => undefined,
    };
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

  #follow(begun: ConnectionRow): RecordedAttempt {
    let row = this.#put(begun);
    return {
      attribute: ({ group, program }) => {
        row = this.#put({ ...row, source: group, program });
      },
      end: (end) => {
        row = this.#put({ ...row, ...end, endedAt: now() });
      },
    };
  }

  #put(row: ConnectionRow): ConnectionRow {
    this.#changed.set(row.connectionId, row);
    this.#timer ??= setTimeout(() => this.flush(), flushMs);
    return row;
  }
}
