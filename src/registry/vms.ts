import type { CpuLevel } from "../model/machine-options.ts";
import type { ProcessIdentity } from "../platform/processes.ts";
import type { Parameters, Registry, Row } from "./database.ts";
import { processColumns, processOf } from "./process-columns.ts";

export type VmState = "created" | "starting" | "started" | "stopped" | "failed";

/** One VM as the registry remembers it. */
export interface VmRow {
  readonly vmId: string;
  readonly environment: string;
  readonly state: VmState;
  readonly vcpuCount: number;
  readonly memMib: number;
  /** Null until it starts: what its environment needs. */
  readonly cpu: CpuLevel | null;
  readonly createdAt: string;
  readonly expiresAt: string;
  readonly driver: string | null;
  readonly executionMode: string | null;
  readonly isolation: string | null;
  readonly failure: string | null;
  /** The monitor's process, while there is one. */
  readonly process: ProcessIdentity | null;
}

/** The columns that change after creation. */
export type VmChange = Partial<
  Pick<VmRow, "cpu" | "driver" | "executionMode" | "isolation" | "failure" | "process">
>;

/** The VMs of a registry. */
export class VmTable {
  readonly #registry: Registry;

  constructor(registry: Registry) {
    this.#registry = registry;
  }

  insert(vm: VmRow): void {
    const { vmId, environment, state, vcpuCount, memMib, cpu, createdAt, expiresAt } = vm;
    const sql = `INSERT INTO vms (vm_id, environment, state, vcpu_count, mem_mib, cpu, created_at, expires_at)
                 VALUES (:vmId, :environment, :state, :vcpuCount, :memMib, :cpu, :createdAt, :expiresAt)`;
    this.#registry.write((run) =>
      run(sql, { vmId, environment, state, vcpuCount, memMib, cpu, createdAt, expiresAt }),
    );
  }

  find(vmId: string): VmRow | undefined {
    return this.#registry.all("SELECT * FROM vms WHERE vm_id = :vmId", { vmId }).map(toRow)[0];
  }

  list(): VmRow[] {
    return this.#registry.all("SELECT * FROM vms ORDER BY created_at, vm_id").map(toRow);
  }

  expiredAt(now: string): VmRow[] {
    return this.#registry.all("SELECT * FROM vms WHERE expires_at <= :now", { now }).map(toRow);
  }

  /** Moves a VM from one of `from` to `to`; false when another process was faster. */
  transition(
    vmId: string,
    { from, to, change = {} }: { from: readonly VmState[]; to: VmState; change?: VmChange },
  ): boolean {
    const values = columnsOf(change);
    const assignments = [
      "state = :to",
      ...Object.keys(values).map((column) => `${column} = :${column}`),
    ];
    const allowed = from.map((_, index) => `:from${index}`).join(", ");
    const sql = `UPDATE vms SET ${assignments.join(", ")} WHERE vm_id = :vmId AND state IN (${allowed})`;
    const states = Object.fromEntries(from.map((state, index) => [`from${index}`, state]));
    return this.#registry.write((run) => run(sql, { vmId, to, ...states, ...values })) === 1;
  }

  /** False when it was gone already. */
  remove(vmId: string): boolean {
    return (
      this.#registry.write((run) => run("DELETE FROM vms WHERE vm_id = :vmId", { vmId })) === 1
    );
  }
}

function columnsOf(change: VmChange): Parameters {
  const columns: Parameters = {};
  if (change.cpu !== undefined) columns.cpu = change.cpu;
  if (change.driver !== undefined) columns.driver = change.driver;
  if (change.executionMode !== undefined) columns.execution_mode = change.executionMode;
  if (change.isolation !== undefined) columns.isolation = change.isolation;
  if (change.failure !== undefined) columns.failure = change.failure;
  if (change.process !== undefined) Object.assign(columns, processColumns(change.process));
  return columns;
}

function toRow(row: Row): VmRow {
  const text = (column: string) => (row[column] === null ? null : String(row[column]));
  return {
    vmId: String(row.vm_id),
    environment: String(row.environment),
    state: String(row.state) as VmState,
    vcpuCount: Number(row.vcpu_count),
    memMib: Number(row.mem_mib),
    cpu: text("cpu") as CpuLevel | null,
    createdAt: String(row.created_at),
    expiresAt: String(row.expires_at),
    driver: text("driver"),
    executionMode: text("execution_mode"),
    isolation: text("isolation"),
    failure: text("failure"),
    process: processOf(row),
  };
}
