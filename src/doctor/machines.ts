import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { asPyroError } from "../model/errors.ts";
import type { DoctorCheck } from "../model/results.ts";
import { lostDirectory } from "../platform/directories.ts";
import { isAlive, type ProcessIdentity } from "../platform/processes.ts";
import { Registry } from "../registry/database.ts";
import { WorkspaceTable } from "../registry/workspaces.ts";
import { fail, ok, warn } from "./verdict.ts";

/** What the registry knows of VMs and workspaces, held against the processes there are. */
export function checkMachines(stateDirectory: string): DoctorCheck[] {
  try {
    using registry = Registry.open(stateDirectory);
    return [checkVms(registry), checkWorkspaces(registry), ...checkLost(stateDirectory)];
  } catch (error) {
    const { message, hint } = asPyroError(error);
    return [fail("registry", message, hint ?? null)];
  }
}

function checkVms(registry: Registry): DoctorCheck {
  const vms = new WorkspaceTable(registry).list("vm");
  const stale = vms.filter((vm) => vm.state === "started" && !lives(vm.process));
  if (stale.length === 0) return ok("VMs", `${vms.length} known`);
  return warn(
    "VMs",
    `${stale.length} of ${vms.length} lost their process; they are deleted when they expire`,
    null,
  );
}

function checkWorkspaces(registry: Registry): DoctorCheck {
  const rows = new WorkspaceTable(registry).list("workspace");
  const isStale = ({ state, process, expiresAt, work }: (typeof rows)[number]) =>
    (expiresAt !== null && Date.parse(expiresAt) <= Date.now()) ||
    (state === "started" && !lives(process)) ||
    (state === "creating" && !lives(work?.worker ?? null));
  const stale = rows.filter(isStale);
  const running = rows.filter(({ state }) => state === "started").length - stale.length;
  if (stale.length === 0) return ok("workspaces", `${rows.length} known, ${running} running`);
  return warn(
    "workspaces",
    `${stale.length} of ${rows.length} are expired, or lost their process`,
    "pyro workspace gc",
  );
}

/** Machines that wait for a command; nothing where nobody has any. */
export function checkStandbys({
  waiting,
  stale,
}: {
  readonly waiting: number;
  readonly stale: number;
}): DoctorCheck[] {
  if (stale > 0)
    return [warn("standbys", `${stale} left over by killed processes`, "pyro workspace gc")];
  return waiting === 0 ? [] : [ok("standbys", `${waiting} waiting`)];
}

/** What a sweep could make nothing of is kept, for its owner to say what it is. */
function checkLost(stateDirectory: string): DoctorCheck[] {
  const lost = lostDirectory(stateDirectory);
  const names = existsSync(lost) ? readdirSync(lost).sort() : [];
  const [first] = names;
  if (first === undefined) return [];
  const [directory, back] = [join(lost, first), join(stateDirectory, "workspaces", idOf(first))];
  return [
    warn(
      "lost workspaces",
      `${names.join(", ")} in ${lost}: nothing tells what they are`,
      `Say which environment one had, and put it back: echo '{"version":1,"environment":"debian:12"}' > '${directory}/workspace.json' && mv -nT '${directory}' '${back}'`,
    ),
  ];
}

/** What a lost directory can be again; others of its name may have been lost before. */
function idOf(name: string): string {
  return name.replace(/^vm-/, "ws-").replace(/\.\d+$/, "");
}

function lives(process: ProcessIdentity | null): boolean {
  return process !== null && isAlive(process);
}
