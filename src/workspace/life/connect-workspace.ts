import type { AgentClient } from "../../channel/agent-client.ts";
import { PyroError } from "../../model/errors.ts";
import type { WorkspaceRow } from "../../registry/workspaces.ts";
import { requireLegal, type WorkspaceOperation } from "../records/workspace-states.ts";
import { findWorkspace } from "./find-workspace.ts";
import type { WorkspaceContext } from "./workspace-context.ts";

/** A connection to a workspace's guest by way of its supervisor, which is started when there is none. */
export async function connectWorkspace(
  context: WorkspaceContext,
  row: WorkspaceRow,
  operation: WorkspaceOperation,
): Promise<AgentClient> {
  requireLegal(row, operation);
  // It may stop, fail or go while we wait.
  return context.supervisors.connect(row, () => {
    const now = context.records.workspaces.find(row.workspaceId);
    if (now === undefined)
      throw new PyroError("workspace_lost", `Workspace ${row.workspaceId} was deleted meanwhile.`);
    requireLegal(now, operation);
  });
}

/** Finds a workspace and connects to it. */
export async function openWorkspace(
  context: WorkspaceContext,
  id: string,
  operation: WorkspaceOperation,
): Promise<{ row: WorkspaceRow; client: AgentClient }> {
  const row = await findWorkspace(context, id);
  return { row, client: await connectWorkspace(context, row, operation) };
}
