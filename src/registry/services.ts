import {
  isLive,
  type ServiceDefinition,
  type ServiceState,
  serviceStates,
} from "../model/service-definition.ts";
import type { Service } from "../model/service-results.ts";
import type { Registry, Row, Run } from "./database.ts";
import { type OnChange, WorkspaceWriter } from "./workspace-writer.ts";

/** What is known of a service beside how it was asked for. */
export interface ServiceStatus
  extends Pick<
    Service,
    | "state"
    | "reason"
    | "startedAt"
    | "readyAt"
    | "endedAt"
    | "exitCode"
    | "signal"
    | "outOfMemory"
    | "restartCount"
  > {
  readonly lastProbe: string | null;
}

/** A service as the registry remembers it. */
export interface ServiceRow extends ServiceStatus {
  readonly name: string;
  readonly definition: ServiceDefinition;
  /** Whether it ran when its workspace's machine ended. */
  readonly isResumable: boolean;
}

/** The services of workspaces. */
export class ServiceTable {
  readonly #registry: Registry;
  readonly #writer: WorkspaceWriter;

  constructor(registry: Registry, onChange?: OnChange) {
    this.#registry = registry;
    this.#writer = new WorkspaceWriter(registry, onChange);
  }

  /** By name. */
  list(workspaceId: string): ServiceRow[] {
    const sql = "SELECT * FROM services WHERE workspace_id = :workspaceId ORDER BY name";
    return this.#registry.all(sql, { workspaceId }).map(toRow);
  }

  find(workspaceId: string, name: string): ServiceRow | undefined {
    return this.list(workspaceId).find((row) => row.name === name);
  }

  /** How many services a workspace has, and how many of them are live. */
  counts(workspaceId: string): { serviceCount: number; runningServiceCount: number } {
    const rows = this.#registry.all(
      "SELECT state FROM services WHERE workspace_id = :workspaceId",
      {
        workspaceId,
      },
    );
    const live = rows.filter(({ state }) => isLive(String(state) as ServiceState));
    return { serviceCount: rows.length, runningServiceCount: live.length };
  }

  /** Puts a service in the place of whatever had its name; of those that are over and more than `max`, the ones that ended first go. */
  put(workspaceId: string, row: ServiceRow, max: number): void {
    this.#writer.change(workspaceId, (run) => {
      putService(run, workspaceId, row);
      const over = this.list(workspaceId)
        .filter(({ name, state }) => !isLive(state) && name !== row.name)
        .sort((a, b) => (a.endedAt ?? "").localeCompare(b.endedAt ?? ""));
      const excess = this.list(workspaceId).length - max;
      for (const { name } of over.slice(0, Math.max(0, excess)))
        run("DELETE FROM services WHERE workspace_id = :workspaceId AND name = :name", {
          workspaceId,
          name,
        });
      return true;
    });
  }

  /** Changes what is known of a service; false when there is none of that name. */
  update(workspaceId: string, name: string, status: ServiceStatus): boolean {
    return this.#writer.change(workspaceId, (run) => {
      const known = this.find(workspaceId, name);
      if (known === undefined) return false;
      putService(run, workspaceId, { ...known, ...status });
      return true;
    });
  }

  /** Forgets all of them, as a reset does. */
  clear(workspaceId: string): void {
    const sql = "DELETE FROM services WHERE workspace_id = :workspaceId";
    this.#writer.change(workspaceId, (run) => run(sql, { workspaceId }) > 0);
  }

  remove(workspaceId: string, name: string): void {
    const sql = "DELETE FROM services WHERE workspace_id = :workspaceId AND name = :name";
    this.#writer.change(workspaceId, (run) => run(sql, { workspaceId, name }) === 1);
  }
}

/** Part of a transaction: the service is as `row` says, whatever it was. */
export function putService(run: Run, workspaceId: string, row: ServiceRow): void {
  const { name, state, definition, isResumable, ...status } = row;
  run(
    `INSERT OR REPLACE INTO services (workspace_id, name, state, definition, status, is_resumable)
     SELECT workspace_id, :name, :state, :definition, :status, :isResumable FROM workspaces
     WHERE workspace_id = :workspaceId`,
    {
      workspaceId,
      name,
      state,
      definition: JSON.stringify(definition),
      status: JSON.stringify(status),
      isResumable: Number(isResumable),
    },
  );
}

const liveStates = serviceStates
  .filter(isLive)
  .map((state) => `'${state}'`)
  .join(", ");

/** Part of a transaction: the machine that a workspace's services ran in is gone. */
export function endServices(
  run: Run,
  workspaceId: string,
  { at, reason }: { readonly at: string; readonly reason: string },
): void {
  run(
    `UPDATE services SET is_resumable = 1, state = 'stopped',
       status = json_set(status, '$.reason', :reason, '$.endedAt', :at, '$.exitCode', NULL, '$.signal', NULL)
     WHERE workspace_id = :workspaceId AND state IN (${liveStates})`,
    { workspaceId, at, reason },
  );
}

function toRow(row: Row): ServiceRow {
  return {
    ...(JSON.parse(String(row.status)) as Omit<ServiceStatus, "state">),
    name: String(row.name),
    state: String(row.state) as ServiceState,
    definition: JSON.parse(String(row.definition)),
    isResumable: row.is_resumable === 1,
  };
}
