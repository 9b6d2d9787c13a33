import { defaults } from "../../model/limits.ts";
import type { Workspace, WorkspaceList } from "../../model/workspace-results.ts";
import type { WorkspaceRow } from "../../registry/workspaces.ts";
import { baselineName } from "./switch-disk.ts";
import type { WorkspaceContext } from "./workspace-context.ts";

/** A workspace as it is told to callers. */
export function describeWorkspace(context: WorkspaceContext, row: WorkspaceRow): Workspace {
  return {
    ...listedWorkspace(context, row),
    failure: row.failure,
    driver: row.driver,
    executionMode: row.executionMode,
    isolation: row.isolation,
    networkPolicy: row.networkPolicy,
    vcpuCount: row.vcpuCount,
    memMib: row.memMib,
    cpu: row.cpu ?? defaults.cpu,
    workspaceSeed: row.workspaceSeed,
    resetCount: row.resetCount,
    lastResetAt: row.lastResetAt,
    snapshotCount: context.records.snapshots
      .list(row.workspaceId)
      .filter(({ name }) => name !== baselineName).length,
    secrets: context.records.secrets(row.workspaceId).told(),
  };
}

/** What a list says of a workspace. */
export function listedWorkspace(
  context: WorkspaceContext,
  row: WorkspaceRow,
): WorkspaceList["workspaces"][number] {
  return {
    workspaceId: row.workspaceId,
    name: row.name,
    labels: row.labels,
    environment: row.environment,
    state: row.state,
    createdAt: row.createdAt,
    lastActivityAt: row.lastActivityAt,
    expiresAt: row.expiresAt,
    commandCount: row.commandCount,
    ...context.records.services.counts(row.workspaceId),
  };
}
