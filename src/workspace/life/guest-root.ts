import type { WorkspaceRow } from "../../registry/workspaces.ts";
import type { WorkspaceContext } from "./workspace-context.ts";

/** Where programs of a workspace find its files. Without isolation it is a directory like any other. */
export function guestRoot(context: WorkspaceContext, row: WorkspaceRow): string {
  return row.imageId === null ? context.files(row.workspaceId).rootDirectory : "/workspace";
}
