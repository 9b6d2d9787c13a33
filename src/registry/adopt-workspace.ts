import type { Snapshot } from "../model/workspace-results.ts";
import type { Registry } from "./database.ts";
import { insertSnapshot } from "./snapshots.ts";
import { countChange, idOfName, putWorkspace, type WorkspaceRow } from "./workspaces.ts";

/** What became of a workspace that was taken over. */
export interface Adopted {
  /** Another workspace that has its name, which it then goes without. */
  readonly nameTakenBy: string | undefined;
}

/** Takes over what is known of a workspace from elsewhere, in place of whatever the registry had of it. */
export function adoptWorkspace(
  registry: Registry,
  { row, snapshots }: { readonly row: WorkspaceRow; readonly snapshots: readonly Snapshot[] },
): Adopted {
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
    run("DELETE FROM snapshots WHERE workspace_id = :workspaceId", { workspaceId });
    for (const snapshot of snapshots) insertSnapshot(run, workspaceId, snapshot);
    countChange(run, workspaceId);
    return { nameTakenBy };
  });
}
