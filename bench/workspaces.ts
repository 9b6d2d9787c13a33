import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Config } from "../src/platform/config.ts";
import type { Pyro } from "../src/pyro.ts";
import type { Bench } from "./bench.ts";
import { parentPid, proportionalMib, proportionalMibOf } from "./process-usage.ts";

/** The SDK as users have it: the bundle, with supervisors that run from the bundle too. */
export async function openBundledPyro(config: Config): Promise<Pyro> {
  const path = join(import.meta.dirname, "..", "dist", "index.js");
  const sdk = (await import(pathToFileURL(path).href)) as typeof import("../src/index.ts");
  const { cacheDirectory, stateDirectory, requireKvm } = config;
  return new sdk.Pyro({ cacheDirectory, stateDirectory, requireKvm });
}

/** The SDK on the benchmark's own state directory; its workspaces go with it, whatever happened. */
export interface Fleet extends AsyncDisposable {
  readonly pyro: Pyro;
}

export async function makeFleet({ config }: Bench): Promise<Fleet> {
  const pyro = await openBundledPyro(config);
  return {
    pyro,
    [Symbol.asyncDispose]: async () => {
      const { workspaces } = await pyro.listWorkspaces();
      for (const { workspaceId } of workspaces) await pyro.deleteWorkspace(workspaceId);
      pyro[Symbol.dispose]();
    },
  };
}

/** Memory of one running workspace in MiB, pages shared with others counted in part. */
export interface WorkspaceMemory {
  readonly monitorMib: number;
  /** What stands around the monitor: its jail and its guardian. */
  readonly jailMib: number;
  readonly supervisorMib: number;
}

export function memoryOf(bench: Bench, workspaceId: string): WorkspaceMemory {
  const monitor = monitorPid(bench, workspaceId);
  let jailMib = 0;
  for (let pid = parentPid(monitor); isOfJail(pid); pid = parentPid(pid))
    jailMib += proportionalMib(pid);
  return {
    monitorMib: proportionalMib(monitor),
    jailMib,
    supervisorMib: proportionalMib(supervisorPid(workspaceId)),
  };
}

/** What one running workspace holds of the host's memory, in MiB. */
export interface HeldMemory {
  /** Its processes, but for the guest's memory that one of them maps. */
  readonly hostMib: number;
  /** Of the guest's memory, what it ever wrote to or shares with others. */
  readonly guestMib: number;
}

export function heldMemoryOf(bench: Bench, workspaceId: string): HeldMemory {
  const { monitorMib, jailMib, supervisorMib } = memoryOf(bench, workspaceId);
  // A template's memory, of which every machine has a private mapping.
  const guestMib = proportionalMibOf(monitorPid(bench, workspaceId), "memory");
  return { hostMib: monitorMib - guestMib + jailMib + supervisorMib, guestMib };
}

function monitorPid({ engine }: Bench, workspaceId: string): number {
  const pid = engine.workspaces.records.workspaces.find(workspaceId)?.process?.pid;
  if (pid === undefined) throw new Error(`Workspace ${workspaceId} has no machine.`);
  return pid;
}

/** The process that looks after a workspace. */
function supervisorPid(workspaceId: string): number {
  const title = `pyro supervisor ${workspaceId}`;
  const pid = readdirSync("/proc").find((name) => /^\d+$/.test(name) && titleOf(name) === title);
  if (pid === undefined) throw new Error(`Workspace ${workspaceId} has no supervisor.`);
  return Number(pid);
}

/** The process that waits to become a supervisor, if there is one. */
export function spareSupervisorPid({ config }: Bench): number | undefined {
  const pid = readdirSync("/proc").find(
    (name) =>
      /^\d+$/.test(name) &&
      titleOf(name) === "pyro standby supervisor" &&
      readText(`/proc/${name}/environ`).includes(`PYRO_STATE_DIR=${config.stateDirectory}\0`),
  );
  return pid === undefined ? undefined : Number(pid);
}

function isOfJail(pid: number): boolean {
  return /^(bwrap|timeout)$/.test(readText(`/proc/${pid}/comm`).trim());
}

/** A process sets its title in place of its arguments. */
function titleOf(pid: string): string {
  return readText(`/proc/${pid}/cmdline`).split("\0")[0]?.trim() ?? "";
}

function readText(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch {
    // The process ended while we looked.
    return "";
  }
}
