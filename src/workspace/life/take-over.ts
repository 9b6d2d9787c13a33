import { setTimeout as sleep } from "node:timers/promises";
import { PyroError } from "../../model/errors.ts";
import { type Lock, tryLock } from "../../platform/lock.ts";
import type { WorkspaceRow } from "../../registry/workspaces.ts";
import { deletedMeanwhile, isPassing, nameOf } from "../records/workspace-states.ts";
import { endStrayMachine } from "./recover-workspace.ts";
import type { WorkspaceContext } from "./workspace-context.ts";

/** Whoever holds the lock of a workspace whose state is passing is at longer work. */
const waitMs = 2_000;
/** A supervisor ends at once, but one that is starting must give its guest up first, and a busy host may take its time. */
const endingMs = 15_000;
const retryMs = 10;

/**
 * The right to change a workspace's machine and files. A supervisor that has it is told to end, and ends the machine with
 * it; anybody else who has it makes this fail with `workspace_busy`.
 */
export async function takeOver(context: WorkspaceContext, row: WorkspaceRow): Promise<Lock> {
  let deadline = performance.now() + (isPassing(row.state) ? waitMs : endingMs);
  for (;;) {
    const lock = await tryLock(context.files(row.workspaceId).lockPath).catch((error: unknown) => {
      throw context.hasDirectory(row.workspaceId) ? error : deletedMeanwhile(row);
    });
    if (lock !== undefined) {
      const latest = context.records.workspaces.find(row.workspaceId);
      if (latest !== undefined) await endStrayMachine(context, latest);
      return lock;
    }
    const client = await context.supervisors.find(row.workspaceId);
    // It may end while it answers.
    const isEnding = await client?.supervisor.endRun("kill").then(
      () => true,
      () => false,
    );
    if (isEnding) deadline = performance.now() + endingMs;
    context.supervisors.forget(row.workspaceId);
    if (performance.now() > deadline) throw busy(row);
    await sleep(retryMs);
  }
}

function busy(row: WorkspaceRow): PyroError {
  return new PyroError(
    "workspace_busy",
    `Another process is at work on workspace ${nameOf(row)}, which is ${row.state}.`,
    { hint: "Wait a moment and try again." },
  );
}
