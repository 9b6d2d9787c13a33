import type { GuestShell } from "../../channel/shell-client.ts";
import type { WorkspaceRow } from "../../registry/workspaces.ts";
import type { SaidByGuest } from "./describe-workspace.ts";
import type { WorkspaceContext } from "./workspace-context.ts";

/** Whoever looks at many workspaces waits no longer for any of them. */
const patienceMs = 250;

/**
 * The shells that a workspace's supervisor tells of when it is there and answers at once; none where no machine runs, and null
 * where nobody can say. Nothing is started for it.
 */
export async function shellsAtHand(
  { supervisors }: WorkspaceContext,
  { workspaceId, state }: WorkspaceRow,
): Promise<readonly GuestShell[] | null> {
  if (state !== "started") return [];
  const signal = AbortSignal.timeout(patienceMs);
  const late = new Promise<null>((resolve) => {
    signal.addEventListener("abort", () => resolve(null), { once: true });
  });
  const asked = supervisors
    .find(workspaceId)
    .then((client) => client?.shell.list(signal) ?? null)
    .catch(() => null);
  return await Promise.race([asked, late]);
}

/** What a description of a workspace says of its guest. */
export async function askGuest(context: WorkspaceContext, row: WorkspaceRow): Promise<SaidByGuest> {
  return { shellCount: (await shellsAtHand(context, row))?.length ?? null };
}
