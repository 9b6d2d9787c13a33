import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { until } from "./until.ts";

/** A process of this host, as far as a failing test should name it. */
export interface HostProcess {
  readonly pid: number;
  readonly command: string;
}

/** How processes of a test are told from others. */
export interface Traces {
  /** Sessions they were started in. */
  readonly sessions: readonly number[];
  /** Directories they have files open in, or named in their environment. */
  readonly directories: readonly string[];
}

/** Living processes that bear any of `traces`; those of the test itself are left out. */
export function findProcesses({ sessions, directories }: Traces): HostProcess[] {
  return livingPids()
    .filter(
      (pid) =>
        sessions.includes(sessionOf(pid)) ||
        directories.some((directory) => touches(pid, directory)),
    )
    .map((pid) => ({ pid, command: commandOf(pid) }))
    .filter(({ command }) => command !== "");
}

/** PID of the virtual machine monitor whose disk lies in `stateDirectory`, once there is one. */
export async function findMonitor(stateDirectory: string): Promise<number> {
  let pid: number | undefined;
  await until("a virtual machine monitor runs", () => {
    pid = livingPids().find(
      (one) => /^\/\S*qemu-system/.test(commandOf(one)) && touches(one, stateDirectory),
    );
    return pid !== undefined;
  });
  return pid ?? 0;
}

/** PIDs of the virtual machine monitors that have files of `directory` open. */
export function findMonitors(directory: string): number[] {
  return livingPids().filter(
    (pid) => /^\/\S*qemu-system/.test(commandOf(pid)) && touches(pid, directory),
  );
}

/** PIDs of supervisors, told by a workspace's id or the state directory, whether at work or just starting. */
export function findSupervisors(trace: string): number[] {
  return livingPids().filter((pid) => {
    const command = commandOf(pid);
    const isSupervisor = /^pyro supervisor |\/supervisor\.(ts|js) /.test(command);
    return isSupervisor && (command.includes(trace) || touches(pid, trace));
  });
}

/** PIDs of supervisors that wait, for a workspace of `stateDirectory`, to be told which one. */
export function findSpareSupervisors(stateDirectory: string): number[] {
  return livingPids().filter(
    (pid) => commandOf(pid) === "pyro standby supervisor" && touches(pid, stateDirectory),
  );
}

/** Kills a process that may be gone already. */
export function endProcess(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It ended meanwhile.
  }
}

/** Program and arguments of a process; empty for one that is gone or a zombie. */
export function commandOf(pid: number): string {
  return readText(`/proc/${pid}/cmdline`).replaceAll("\0", " ").trim();
}

function livingPids(): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => pid !== process.pid);
}

function sessionOf(pid: number): number {
  const stat = readText(`/proc/${pid}/stat`);
  return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[3]);
}

function touches(pid: number, directory: string): boolean {
  return (
    openFiles(pid).some((path) => path === directory || path.startsWith(`${directory}/`)) ||
    readText(`/proc/${pid}/environ`).includes(directory)
  );
}

/** Files a process has open, its working directory among them. */
export function openFiles(pid: number): string[] {
  return [
    `/proc/${pid}/cwd`,
    ...namesIn(`/proc/${pid}/fd`).map((fd) => `/proc/${pid}/fd/${fd}`),
  ].flatMap((link) => {
    try {
      return [readlinkSync(link)];
    } catch {
      // It ended, or closed the file, while we looked.
      return [];
    }
  });
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

function readText(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return "";
  }
}
