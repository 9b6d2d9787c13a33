import { asPyroError } from "../model/errors.ts";
import type { DoctorCheck } from "../model/results.ts";
import { isAlive, type ProcessIdentity } from "../platform/processes.ts";
import { Registry } from "../registry/database.ts";
import { VmTable } from "../registry/vms.ts";
import { WorkspaceTable } from "../registry/workspaces.ts";
import { fail, ok, warn } from "./verdict.ts";

/** What the registry knows of VMs and workspaces, held against the processes there are. */
export function checkMachines(stateDirectory: string): DoctorCheck[] {
  try {
    using registry = Registry.open(stateDirectory);
    return [checkVms(registry), checkWorkspaces(registry)];
  } catch (error) {
    const { message, hint } = asPyroError(error);
    return [fail("registry", message, hint ?? null)];
  }
}

function checkVms(registry: Registry): DoctorCheck {
  const vms = new VmTable(registry).list();
  const stale = vms.filter((vm) => vm.state === "started" && !lives(vm.process));
  if (stale.length === 0) return ok("VMs", `${vms.length} known`);
  return warn(
    "VMs",
    `${stale.length} of ${vms.length} lost their process; they are deleted when they expire`,
    null,
  );
}

function checkWorkspaces(registry: Registry): DoctorCheck {
  const rows = new WorkspaceTable(registry).list();
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

function lives(process: ProcessIdentity | null): boolean {
  return process !== null && isAlive(process);
}
