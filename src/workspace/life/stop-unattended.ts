import type { WorkspaceRow } from "../../registry/workspaces.ts";
import { latest } from "./find-workspace.ts";
import { stopMachine } from "./stop-machine.ts";
import { takeOver } from "./take-over.ts";
import type { WorkspaceContext } from "./workspace-context.ts";

/** Stops a workspace that no supervisor looks after. */
export async function stopUnattended(context: WorkspaceContext, row: WorkspaceRow): Promise<void> {
  using _lock = await takeOver(context, row);
  const current = latest(context, row);
  // Unless somebody else was faster.
  if (current.state === "started" && current.process !== null) await stopMachine(context, current);
}
