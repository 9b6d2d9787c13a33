import type { Snapshot } from "../model/workspace-results.ts";
import type { Registry, Run } from "./database.ts";
import { type PortRow, putPort } from "./published-ports.ts";
import { putService, type ServiceRow } from "./services.ts";
import { insertSnapshot } from "./snapshots.ts";
import { countChange } from "./workspace-writer.ts";
import { idOfName, putWorkspace, type WorkspaceRow } from "./workspaces.ts";

/** All that is known of a workspace. */
export interface KnownWorkspace {
  readonly row: WorkspaceRow;
  readonly snapshots: readonly Snapshot[];
  readonly services: readonly ServiceRow[];
  readonly ports: readonly PortRow[];
}

/** What became of a workspace that was taken over. */
export interface Adopted {
  /** Another workspace that has its name, which it then goes without. */
  readonly nameTakenBy: string | undefined;
}

/** Takes over what is known of a workspace from elsewhere, in place of whatever the registry had of it. */
export function adoptWorkspace(registry: Registry, { row, ...kept }: KnownWorkspace): Adopted {
  const { workspaceId, name, resetCount } = row;
  return registry.write((run) => {
    const holder = name === null ? undefined : idOfName(registry, name);
    const nameTakenBy = holder === workspaceId ? undefined : holder;
    // What ran before a reset that the registry has not seen is no part of the workspace's history.
    const old = `workspace_id IN (SELECT workspace_id FROM workspaces
                 WHERE workspace_id = :workspaceId AND reset_count <> :resetCount)`;
    for (const table of ["commands", "events"])
      run(`DELETE FROM ${table} WHERE ${old}`, { workspaceId, resetCount });
    putWorkspace(run, nameTakenBy === undefined ? row : { ...row, name: null });
    putKept(run, workspaceId, kept);
    countChange(run, workspaceId);
    return { nameTakenBy };
  });
}

/** Part of a transaction: what belongs to the workspace is this, whatever it was. */
function putKept(
  run: Run,
  workspaceId: string,
  { snapshots, services, ports }: Omit<KnownWorkspace, "row">,
): void {
  for (const table of ["snapshots", "services", "published_ports"])
    run(`DELETE FROM ${table} WHERE workspace_id = :workspaceId`, { workspaceId });
  for (const snapshot of snapshots) insertSnapshot(run, workspaceId, snapshot);
  for (const service of services) putService(run, workspaceId, service);
  for (const port of ports) putPort(run, workspaceId, port);
}
