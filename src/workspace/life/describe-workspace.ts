import { projectText } from "../../model/egress.ts";
import { defaults } from "../../model/limits.ts";
import { letsOut } from "../../model/machine-options.ts";
import type { Workspace, WorkspaceList } from "../../model/workspace-results.ts";
import type { WorkspaceRow } from "../../registry/workspaces.ts";
import { openPorts } from "./open-ports.ts";
import { baselineName } from "./switch-disk.ts";
import type { WorkspaceContext } from "./workspace-context.ts";

/** What only a workspace's guest can say. */
export interface SaidByGuest {
  /** Null when it did not say. */
  readonly shellCount: number | null;
}

/** Of a machine that has just begun, or is no more. */
export const nothingOpened: SaidByGuest = { shellCount: 0 };

/** A workspace as it is told to callers. */
export function describeWorkspace(
  context: WorkspaceContext,
  row: WorkspaceRow,
  said: SaidByGuest,
): Workspace {
  return {
    ...listedWorkspace(context, row, said),
    failure: row.failure,
    driver: row.driver,
    executionMode: row.executionMode,
    isolation: row.isolation,
    networkPolicy: row.networkPolicy,
    networkPreset: letsOut(row.networkPolicy) ? row.egress.preset : null,
    networkRuleCount: letsOut(row.networkPolicy) ? row.egress.rules.length : 0,
    networkProjectFile: projectText(row.egress),
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
  { shellCount }: SaidByGuest,
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
    publishedPorts: openPorts(context, row),
    shellCount,
  };
}
