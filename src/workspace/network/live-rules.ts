import { asPyroError, PyroError } from "../../model/errors.ts";
import { letsOut } from "../../model/machine-options.ts";
import type { WorkspaceRow } from "../../registry/workspaces.ts";
import { connectWorkspace } from "../life/connect-workspace.ts";
import type { WorkspaceContext } from "../life/workspace-context.ts";
import { nameOf } from "../records/workspace-states.ts";

/** Has what is open judged by rules that changed. A supervisor that is not there reads them when it starts. */
export async function tellSupervisor(context: WorkspaceContext, row: WorkspaceRow): Promise<void> {
  if (row.state !== "started") return;
  try {
    const client = await connectWorkspace(context, row, "exec");
    await client.supervisor.ask("/v1/network/recheck", {});
  } catch (error) {
    if (asPyroError(error).code === "internal") throw error;
  }
}

/** Throws `network_policy_refused` unless the workspace was created to be let out. */
export function requireEgress(row: WorkspaceRow): void {
  if (letsOut(row.networkPolicy)) return;
  throw new PyroError(
    "network_policy_refused",
    `Workspace ${nameOf(row)} was created with network policy ${row.networkPolicy}, so its commands reach nothing.`,
    { hint: "Create one that is let out: pyro workspace create … --network-policy egress" },
  );
}
