import { type EgressPolicy, parseEgressPolicy } from "../model/egress.ts";
import type { CpuLevel } from "../model/machine-options.ts";
import { idPrefixes, type WorkspaceKind } from "../model/workspace-names.ts";
import type { Workspace, WorkspaceState } from "../model/workspace-results.ts";
import type { BootMoment } from "../platform/boot-time.ts";
import type { ProcessIdentity } from "../platform/processes.ts";
import type { Parameters, Registry, Row, Run } from "./database.ts";
import { processColumns, processOf } from "./process-columns.ts";
import { endServices } from "./services.ts";
import { type OnChange, WorkspaceWriter } from "./workspace-writer.ts";

/** What a process is doing to a workspace in one of the states that pass; enough to finish or undo it. */
export interface Work {
  /** Who does it. */
  readonly worker: ProcessIdentity;
  /** Of a reset: what it goes back to. */
  readonly snapshot?: string;
  /** Of a reset: how many there will have been. */
  readonly resetCount?: number;
  /** Of a reset: whether the old disk is given up. */
  readonly isSwitched?: boolean;
}

/** One workspace, or VM, as the registry remembers it. */
export interface WorkspaceRow
  extends Pick<
    Workspace,
    | "workspaceId"
    | "name"
    | "labels"
    | "environment"
    | "state"
    | "failure"
    | "driver"
    | "executionMode"
    | "isolation"
    | "networkPolicy"
    | "vcpuCount"
    | "memMib"
    | "createdAt"
    | "lastActivityAt"
    | "expiresAt"
    | "workspaceSeed"
    | "resetCount"
    | "lastResetAt"
    | "commandCount"
  > {
  /** The image its disk belongs to; null without environments, `unknownImage` when it was never started or nobody can tell. */
  readonly imageId: string | null;
  /** Null until it is started, where its environment decides. */
  readonly cpu: CpuLevel | null;
  readonly work: Work | null;
  /** Changes since then differ from the baseline; null when the baseline is empty. */
  readonly baselineMark: string | null;
  /** `expiresAt` by the clock of the host's boot, as long as that lasts. */
  readonly deadline: BootMoment | null;
  /** What its commands may reach, where its network policy lets them out at all. */
  readonly egress: EgressPolicy;
  /** The monitor's process, while there is one. */
  readonly process: ProcessIdentity | null;
  /** Grows with every change of the row or of the workspace's snapshots. */
  readonly revision: number;
}

/** No image has this id. */
export const unknownImage = "unknown";

/** Columns that change after creation. */
export type WorkspaceChange = Partial<
  Omit<WorkspaceRow, "workspaceId" | "environment" | "createdAt" | "state" | "revision">
>;

export interface Transition {
  readonly from: readonly WorkspaceState[];
  readonly to: WorkspaceState;
  readonly change?: WorkspaceChange;
}

/** The workspaces of a registry. */
export class WorkspaceTable {
  readonly #registry: Registry;
  readonly #writer: WorkspaceWriter;

  constructor(registry: Registry, onChange?: OnChange) {
    this.#registry = registry;
    this.#writer = new WorkspaceWriter(registry, onChange);
  }

  /** False when the name is taken. */
  insert(row: WorkspaceRow): boolean {
    return this.#writer.change(row.workspaceId, (run) => {
      const taken = row.name !== null && idOfName(this.#registry, row.name) !== undefined;
      return !taken && insertRow(run, row);
    });
  }

  find(workspaceId: string): WorkspaceRow | undefined {
    return this.#select("WHERE workspace_id = :workspaceId", { workspaceId })[0];
  }

  /** Workspaces with this name, this id, or an id that begins so; a name or a whole id comes alone. */
  match(text: string): WorkspaceRow[] {
    const kind = "workspace";
    const exact = this.#ofKind(kind, "AND (workspace_id = :text OR name = :text)", { text });
    if (exact.length > 0) return exact;
    const sql = "AND substr(workspace_id, 1, length(:text)) = :text ORDER BY workspace_id";
    return this.#ofKind(kind, sql, { text });
  }

  /** All of a kind, newest activity first. */
  list(kind: WorkspaceKind): WorkspaceRow[] {
    return this.#ofKind(kind, "ORDER BY last_activity_at DESC, workspace_id", {});
  }

  /** Moves a workspace from one of `from` to `to`; false when it is in none of them. */
  transition(workspaceId: string, transition: Transition): boolean {
    return this.#writer.change(workspaceId, (run) => moveWorkspace(run, workspaceId, transition));
  }

  /** Changes columns, whatever the state; false when the workspace is gone. */
  update(workspaceId: string, change: WorkspaceChange): boolean {
    const values = columnsOf(change);
    const sql = `UPDATE workspaces SET ${assignments(values)} WHERE workspace_id = :workspace_id`;
    return this.#writer.change(
      workspaceId,
      (run) => run(sql, { ...values, workspace_id: workspaceId }) === 1,
    );
  }

  /** Changes what may be reached; `change` may refuse. */
  changeEgress(workspaceId: string, change: (current: EgressPolicy) => EgressPolicy): void {
    this.#writer.change(workspaceId, (run) => {
      const row = this.find(workspaceId);
      const sql = "UPDATE workspaces SET egress = :egress WHERE workspace_id = :workspaceId";
      if (row === undefined) return false;
      return run(sql, { egress: JSON.stringify(change(row.egress)), workspaceId }) === 1;
    });
  }

  /** Whose machine `process` is, from now on; false when the workspace is gone, or going. */
  claim(workspaceId: string, process: ProcessIdentity): boolean {
    const values = { ...processColumns(process), workspace_id: workspaceId };
    const sql = `UPDATE workspaces SET ${assignments(values)}
                 WHERE workspace_id = :workspace_id AND state <> 'deleting'`;
    return this.#writer.change(workspaceId, (run) => run(sql, values) === 1);
  }

  /** Renames and relabels; answers which workspace has the name already, or undefined when done. */
  rename(
    workspaceId: string,
    change: Pick<WorkspaceRow, "name" | "labels">,
  ): { takenBy: string } | undefined {
    const values = columnsOf(change);
    const sql = `UPDATE workspaces SET ${assignments(values)} WHERE workspace_id = :workspace_id`;
    let takenBy: string | undefined;
    this.#writer.change(workspaceId, (run) => {
      const holder = change.name === null ? undefined : idOfName(this.#registry, change.name);
      if (holder !== workspaceId) takenBy = holder;
      return takenBy === undefined && run(sql, { ...values, workspace_id: workspaceId }) === 1;
    });
    return takenBy === undefined ? undefined : { takenBy };
  }

  /** Forgets a workspace and remembers for a while why it ended; false when it was gone already. */
  remove(workspaceId: string, { at, reason }: { at: string; reason: string }): boolean {
    return this.#registry.write((run) => {
      run(
        `INSERT OR REPLACE INTO ended_workspaces (workspace_id, name, ended_at, reason)
         SELECT workspace_id, name, :at, :reason FROM workspaces WHERE workspace_id = :workspaceId`,
        { workspaceId, at, reason },
      );
      run("DELETE FROM ended_workspaces WHERE ended_at < :old", { old: daysBefore(at, 7) });
      return run("DELETE FROM workspaces WHERE workspace_id = :workspaceId", { workspaceId }) === 1;
    });
  }

  /** Why the workspace with this id or name is no more; the latest one of that name. */
  findEnded(text: string): { workspaceId: string; endedAt: string; reason: string } | undefined {
    const { where, parameters } = ofKind("workspace");
    const sql = `SELECT * FROM ended_workspaces ${where} AND (workspace_id = :text OR name = :text)
                 ORDER BY ended_at DESC LIMIT 1`;
    const [row] = this.#registry.all(sql, { text, ...parameters });
    return (
      row && {
        workspaceId: String(row.workspace_id),
        endedAt: String(row.ended_at),
        reason: String(row.reason),
      }
    );
  }

  #ofKind(kind: WorkspaceKind, rest: string, parameters: Parameters): WorkspaceRow[] {
    const { where, parameters: prefix } = ofKind(kind);
    return this.#select(`${where} ${rest}`, { ...parameters, ...prefix });
  }

  #select(rest: string, parameters: Parameters): WorkspaceRow[] {
    return this.#registry.all(`SELECT * FROM workspaces ${rest}`, parameters).map(toRow);
  }
}

/** The condition that a row is of one kind. */
function ofKind(kind: WorkspaceKind): { where: string; parameters: Parameters } {
  const prefix = idPrefixes[kind];
  const where = `WHERE substr(workspace_id, 1, ${prefix.length}) = :prefix`;
  return { where, parameters: { prefix } };
}

/** Which workspace has this name. */
export function idOfName(registry: Registry, name: string): string | undefined {
  const [row] = registry.all("SELECT workspace_id FROM workspaces WHERE name = :name", { name });
  return row && String(row.workspace_id);
}

/** Part of a transaction: the workspace is as `row` says, whatever it was. */
export function putWorkspace(run: Run, row: WorkspaceRow): void {
  const values = columnsOf(row);
  const sql = `UPDATE workspaces SET ${assignments(values)} WHERE workspace_id = :workspace_id`;
  if (run(sql, values) === 0) insertRow(run, row);
}

function insertRow(run: Run, row: WorkspaceRow): boolean {
  const values = columnsOf(row);
  const names = Object.keys(values);
  const sql = `INSERT INTO workspaces (${names.join(", ")}) VALUES (${names.map((name) => `:${name}`).join(", ")})`;
  return run(sql, values) === 1;
}

/** False when it is in none of `from`. */
function moveWorkspace(
  run: Run,
  workspaceId: string,
  { from, to, change = {} }: Transition,
): boolean {
  const values = columnsOf({ ...change, state: to });
  const states = Object.fromEntries(from.map((state, index) => [`from${index}`, state]));
  const allowed = Object.keys(states).map((key) => `:${key}`);
  const sql = `UPDATE workspaces SET ${assignments(values)} WHERE workspace_id = :workspace_id AND state IN (${allowed.join(", ")})`;
  const isMoved = run(sql, { ...values, ...states, workspace_id: workspaceId }) === 1;
  if (isMoved && (to === "stopped" || to === "failed"))
    endServices(run, workspaceId, { at: new Date().toISOString(), reason: whyEnded(to, change) });
  return isMoved;
}

/** Of the services of a workspace whose machine is gone. */
function whyEnded(state: "stopped" | "failed", { failure }: WorkspaceChange): string {
  return state === "stopped" ? "the workspace was stopped" : `the workspace failed: ${failure}`;
}

function assignments(values: Parameters): string {
  return Object.keys(values)
    .map((column) => `${column} = :${column}`)
    .join(", ");
}

function daysBefore(at: string, days: number): string {
  return new Date(Date.parse(at) - days * 86_400_000).toISOString();
}

/** The columns of whatever is given. */
function columnsOf(row: Partial<WorkspaceRow>): Parameters {
  const given: Record<string, string | number | null | undefined> = {
    workspace_id: row.workspaceId,
    name: row.name,
    labels: json(row.labels),
    environment: row.environment,
    image_id: row.imageId,
    state: row.state,
    failure: row.failure,
    work: json(row.work),
    driver: row.driver,
    execution_mode: row.executionMode,
    isolation: row.isolation,
    network_policy: row.networkPolicy,
    egress: json(row.egress),
    vcpu_count: row.vcpuCount,
    mem_mib: row.memMib,
    cpu: row.cpu,
    created_at: row.createdAt,
    last_activity_at: row.lastActivityAt,
    expires_at: row.expiresAt,
    deadline: json(row.deadline),
    seed: json(row.workspaceSeed),
    baseline_mark: row.baselineMark,
    reset_count: row.resetCount,
    last_reset_at: row.lastResetAt,
    command_count: row.commandCount,
    revision: row.revision,
    ...(row.process !== undefined && processColumns(row.process)),
  };
  return Object.fromEntries(
    Object.entries(given).filter(
      (entry): entry is [string, string | number | null] => entry[1] !== undefined,
    ),
  );
}

/** A JSON column; null stays null and absent stays absent. */
function json(value: unknown): string | null | undefined {
  return value === undefined || value === null ? value : JSON.stringify(value);
}

function toRow(row: Row): WorkspaceRow {
  const text = (column: string) => (row[column] === null ? null : String(row[column]));
  return {
    workspaceId: String(row.workspace_id),
    name: text("name"),
    labels: JSON.parse(String(row.labels)),
    environment: String(row.environment),
    imageId: text("image_id"),
    state: String(row.state) as WorkspaceState,
    failure: text("failure"),
    work: row.work === null ? null : JSON.parse(String(row.work)),
    driver: String(row.driver),
    executionMode: String(row.execution_mode) as WorkspaceRow["executionMode"],
    isolation: String(row.isolation) as WorkspaceRow["isolation"],
    networkPolicy: String(row.network_policy) as WorkspaceRow["networkPolicy"],
    egress: parseEgressPolicy(String(row.egress)),
    vcpuCount: Number(row.vcpu_count),
    memMib: Number(row.mem_mib),
    cpu: text("cpu") as CpuLevel | null,
    createdAt: String(row.created_at),
    lastActivityAt: String(row.last_activity_at),
    expiresAt: text("expires_at"),
    deadline: row.deadline === null ? null : JSON.parse(String(row.deadline)),
    // Those of earlier versions have no warnings.
    workspaceSeed: { warnings: [], ...JSON.parse(String(row.seed)) },
    baselineMark: text("baseline_mark"),
    resetCount: Number(row.reset_count),
    lastResetAt: text("last_reset_at"),
    commandCount: Number(row.command_count),
    process: processOf(row),
    revision: Number(row.revision),
  };
}
