import { existsSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

/** What is watched, at one moment. */
export interface Sample {
  readonly at: Date;
  readonly ownMib: number;
  readonly ownDescriptors: number;
  /** Of the largest supervisor. */
  readonly supervisorMib: number;
  readonly supervisorDescriptors: number;
  readonly supervisors: number;
  readonly monitors: number;
  readonly files: number;
  readonly workspaceRows: number;
  readonly commandRows: number;
}

interface Place {
  readonly stateDirectory: string;
  readonly directory: string;
}

export function readSample({ stateDirectory, directory }: Place): Sample {
  const processes = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  const root = join(stateDirectory, "workspaces");
  const ids = existsSync(root) ? readdirSync(root) : [];
  const supervisors = processes.filter((pid) => {
    const command = text(pid, "cmdline");
    return ids.some((id) => command.startsWith(`pyro supervisor ${id}`));
  });
  const monitors = processes.filter(
    (pid) => text(pid, "comm").startsWith("qemu-system") && holds(pid, directory),
  );
  return {
    at: new Date(),
    ownMib: residentMib(String(process.pid)),
    ownDescriptors: descriptors(String(process.pid)),
    supervisorMib: Math.max(0, ...supervisors.map(residentMib)),
    supervisorDescriptors: Math.max(0, ...supervisors.map(descriptors)),
    supervisors: supervisors.length,
    monitors: monitors.length,
    files: existsSync(stateDirectory) ? readdirSync(stateDirectory, { recursive: true }).length : 0,
    workspaceRows: rows(stateDirectory, "workspaces"),
    commandRows: rows(stateDirectory, "commands"),
  };
}

function rows(stateDirectory: string, table: "workspaces" | "commands"): number {
  const path = join(stateDirectory, "registry.sqlite");
  if (!existsSync(path)) return 0;
  const database = new DatabaseSync(path, { timeout: 10_000, readOnly: true });
  try {
    return Number(database.prepare(`SELECT count(*) AS n FROM ${table}`).get()?.n ?? 0);
  } finally {
    database.close();
  }
}

function residentMib(pid: string): number {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(text(pid, "status"))?.[1] ?? 0) / 1024;
}

function descriptors(pid: string): number {
  try {
    return readdirSync(`/proc/${pid}/fd`).length;
  } catch {
    return 0;
  }
}

/** Whether a process has a file of `directory` open, as a monitor has its disk. */
function holds(pid: string, directory: string): boolean {
  try {
    return readdirSync(`/proc/${pid}/fd`).some((fd) =>
      readlinkSync(`/proc/${pid}/fd/${fd}`).startsWith(directory),
    );
  } catch {
    // It ended while we looked.
    return false;
  }
}

function text(pid: string, name: string): string {
  try {
    return readFileSync(`/proc/${pid}/${name}`, "latin1");
  } catch {
    return "";
  }
}
