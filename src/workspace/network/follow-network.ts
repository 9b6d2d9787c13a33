import { setTimeout as sleep } from "node:timers/promises";
import { cancellation } from "../../model/errors.ts";
import type { NetworkConnection } from "../../model/network-results.ts";
import { findWorkspace, latest } from "../life/find-workspace.ts";
import type { WorkspaceContext } from "../life/workspace-context.ts";
import type { NetworkLogOptions } from "./manage-network.ts";

/** A workspace's own process keeps what it learns to itself for half of this. */
const lookMs = 500;

export interface FollowNetworkOptions extends NetworkLogOptions {
  /** Receives each connection once, as it is when it becomes known; a promise holds the rest back. */
  readonly onConnection: (connection: NetworkConnection) => void | Promise<void>;
  readonly signal?: AbortSignal | undefined;
}

/** Hands on what a workspace's programs tried to reach, and what they go on to try, until it is cancelled or the workspace is gone. */
export async function followNetwork(
  context: WorkspaceContext,
  id: string,
  { onConnection, signal, last, ...which }: FollowNetworkOptions,
): Promise<void> {
  const row = await findWorkspace(context, id);
  const { connections } = context.records;
  let after = connections.newest(row.workspaceId);
  let found = connections.list(row.workspaceId, { ...which, last });
  for (;;) {
    for (const connection of found) await onConnection(connection);
    after = Math.max(after, found.at(-1)?.connectionId ?? 0);
    await sleep(lookMs, undefined, { signal }).catch((error: unknown) => {
      throw cancellation(signal?.reason ?? error);
    });
    latest(context, row);
    // A reset forgets all of them, and begins to count anew.
    if (connections.newest(row.workspaceId) < after) after = 0;
    found = connections.list(row.workspaceId, { ...which, after });
  }
}
