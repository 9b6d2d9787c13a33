import { PyroError } from "../../model/errors.ts";
import type { WorkspaceState } from "../../model/workspace-results.ts";
import { msUntil } from "../../platform/boot-time.ts";
import type { WorkspaceRow } from "../../registry/workspaces.ts";

/** What can be asked of a workspace. */
export type WorkspaceOperation =
  | "exec"
  | "run services"
  | "read logs of services"
  | "publish ports"
  | "use shells"
  | "read files"
  | "change files"
  | "change secrets"
  | "show its disk"
  | "take a snapshot"
  | "delete a snapshot"
  | "reset"
  | "stop"
  | "start"
  | "delete";

/** In which states each operation is legal. The only place that says so. */
const legal: Record<WorkspaceOperation, readonly WorkspaceState[]> = {
  exec: ["started"],
  "run services": ["started"],
  "read logs of services": ["started"],
  "publish ports": ["started"],
  "use shells": ["started"],
  "read files": ["started"],
  "change files": ["started"],
  "change secrets": ["started", "stopped", "failed"],
  "show its disk": ["stopped"],
  "take a snapshot": ["started", "stopped"],
  "delete a snapshot": ["started", "stopped", "failed"],
  reset: ["started", "stopped", "failed"],
  stop: ["started"],
  start: ["stopped", "failed"],
  delete: ["creating", "started", "stopping", "stopped", "resetting", "failed", "deleting"],
};

/** States that pass by themselves: some process is at work. */
const passing: readonly WorkspaceState[] = ["creating", "stopping", "resetting", "deleting"];

/** The states from which `operation` may be done. */
export function legalStates(operation: WorkspaceOperation): readonly WorkspaceState[] {
  return legal[operation];
}

/** Whether somebody must be at work on the workspace. */
export function isPassing(state: WorkspaceState): boolean {
  return passing.includes(state);
}

export function isExpired(row: WorkspaceRow): boolean {
  return msLeft(row) <= 0;
}

/** Until it expires; Infinity when it never does. The host's clock, which may jump, decides only after a boot. */
export function msLeft({
  expiresAt,
  deadline,
}: Pick<WorkspaceRow, "expiresAt" | "deadline">): number {
  if (expiresAt === null) return Infinity;
  const byBoot = deadline === null ? undefined : msUntil(deadline);
  return byBoot ?? Date.parse(expiresAt) - Date.now();
}

/** Throws `workspace_state_conflict`, or `workspace_busy`, unless `operation` is legal now. */
export function requireLegal(row: WorkspaceRow, operation: WorkspaceOperation): void {
  if (!legal[operation].includes(row.state)) throw illegal(row, operation);
}

/** Why `operation` cannot be done, and what can. */
export function illegal(row: WorkspaceRow, operation: WorkspaceOperation): PyroError {
  const named = nameOf(row);
  const why = row.failure === null ? "" : ` (${row.failure})`;
  return new PyroError(
    isPassing(row.state) ? "workspace_busy" : "workspace_state_conflict",
    `Workspace ${named} is ${row.state}${why}, so it cannot be asked to ${operation}.`,
    { hint: nextStep(row.state, named) },
  );
}

export function deletedMeanwhile(row: WorkspaceRow): PyroError {
  return new PyroError("workspace_lost", `Workspace ${nameOf(row)} was deleted meanwhile.`);
}

function nextStep(state: WorkspaceState, named: string): string {
  switch (state) {
    case "creating":
    case "stopping":
    case "resetting":
      return "Another process is at work on it; wait a moment and try again.";
    case "deleting":
      return "It is being deleted; create another.";
    case "started":
      return `Stop it first: pyro workspace stop ${named}`;
    case "stopped":
      return `Start it: pyro workspace start ${named}`;
    case "failed":
      return `Its files are kept. Start it again: pyro workspace start ${named}, or go back: pyro workspace reset ${named}`;
  }
}

/** What people call it. */
export function nameOf({ name, workspaceId }: Pick<WorkspaceRow, "name" | "workspaceId">): string {
  return name ?? workspaceId;
}
