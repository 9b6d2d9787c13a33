import { callText } from "../answers/bulk-answer.ts";
import { waitSecondsMax } from "./fields.ts";

/** A place in what a command of a workspace wrote. */
interface Place {
  readonly sequence: number;
  /** In bytes. */
  readonly offset: number;
}

/** How to see output that an answer left out. */
export function readOn(workspaceId: string, place: Place): string {
  return `read on with ${callText("workspace_logs", { workspace_id: workspaceId, ...place })}`;
}

/** How to go on with a command that still runs. */
export function waitOn(workspaceId: string, place: Place): string {
  return `Next: ${callText("workspace_logs", { workspace_id: workspaceId, ...place, wait_seconds: waitSecondsMax })}`;
}
