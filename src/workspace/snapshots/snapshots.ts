import type { Hold } from "../../channel/hold.ts";
import { PyroError } from "../../model/errors.ts";
import { checkName } from "../../model/workspace-names.ts";
import type {
  Snapshot,
  SnapshotCreated,
  SnapshotDeleted,
  SnapshotList,
} from "../../model/workspace-results.ts";
import { faultPoint } from "../../platform/fault.ts";
import { acquireLock, type Lock } from "../../platform/lock.ts";
import type { WorkspaceRow } from "../../registry/workspaces.ts";
import { connectWorkspace } from "../life/connect-workspace.ts";
import { findWorkspace } from "../life/find-workspace.ts";
import { baselineName, isStored } from "../life/switch-disk.ts";
import { takeOver } from "../life/take-over.ts";
import type { WorkspaceContext } from "../life/workspace-context.ts";
import { storageOf } from "../life/workspace-machine.ts";
import type { SnapshotOptions } from "../life/workspace-options.ts";
import { now } from "../records/workspace-records.ts";
import { deletedMeanwhile, nameOf, requireLegal } from "../records/workspace-states.ts";
import type { WorkspaceStorage } from "../records/workspace-storage.ts";

/** Keeps /workspace as it is now under a name. */
export async function createSnapshot(
  context: WorkspaceContext,
  id: string,
  name: string,
  { signal }: SnapshotOptions = {},
): Promise<SnapshotCreated> {
  checkName(name, "snapshot");
  const row = await findWorkspace(context, id);
  requireLegal(row, "take a snapshot");
  if (name === baselineName || find(context, row, name)) throw exists(row, name);
  using _lock = await lockSnapshots(context, row, signal);
  await using still = await holdStill(context, row, signal);
  // Two processes may want the same name.
  if (find(context, row, name)) throw exists(row, name);
  const storage = storageOf(context, row);
  await forgetUnrecorded(context, row, storage);
  const storedBytes = await storage.capture(name);
  faultPoint("snapshot.captured");
  await requireStill(still, () => storage.remove(name));
  const snapshot = { name, createdAt: now(), storedBytes };
  if (!context.records.snapshots.insert(row.workspaceId, snapshot)) throw deletedMeanwhile(row);
  faultPoint("snapshot.recorded");
  record(context, row, `snapshot "${name}" taken`);
  return { workspaceId: row.workspaceId, snapshot };
}

/** The snapshots of a workspace, its baseline first. */
export async function listSnapshots(context: WorkspaceContext, id: string): Promise<SnapshotList> {
  const row = await findWorkspace(context, id);
  const { workspaceId } = row;
  return { workspaceId, snapshots: allSnapshots(context, row) };
}

export function allSnapshots(context: WorkspaceContext, row: WorkspaceRow): Snapshot[] {
  const stored = context.records.snapshots.list(row.workspaceId);
  if (isStored(row, baselineName)) return stored;
  // A workspace that began empty has nothing to keep.
  return [{ name: baselineName, createdAt: row.createdAt, storedBytes: 0 }, ...stored];
}

/** Forgets a named snapshot; the baseline cannot be forgotten. */
export async function deleteSnapshot(
  context: WorkspaceContext,
  id: string,
  name: string,
  { signal }: SnapshotOptions = {},
): Promise<SnapshotDeleted> {
  const row = await findWorkspace(context, id);
  requireLegal(row, "delete a snapshot");
  if (name === baselineName)
    throw new PyroError("invalid_argument", "The baseline cannot be deleted.", {
      hint: "Delete the workspace to be rid of it.",
    });
  using _lock = await lockSnapshots(context, row, signal);
  await using _still = await holdStill(context, row, signal);
  const deleted = context.records.snapshots.remove(row.workspaceId, name);
  await storageOf(context, row).remove(name);
  if (deleted) record(context, row, `snapshot "${name}" deleted`);
  return { workspaceId: row.workspaceId, name, deleted };
}

/** The snapshot a reset asks for; throws `snapshot_not_found`. */
export function requireSnapshot(context: WorkspaceContext, row: WorkspaceRow, name: string): void {
  if (name === baselineName || find(context, row, name)) return;
  const names = allSnapshots(context, row).map((snapshot) => snapshot.name);
  throw new PyroError("snapshot_not_found", `Workspace ${nameOf(row)} has no snapshot "${name}".`, {
    hint: `It has: ${names.join(", ")}`,
  });
}

function find(context: WorkspaceContext, row: WorkspaceRow, name: string): boolean {
  return context.records.snapshots.list(row.workspaceId).some((one) => one.name === name);
}

/**
 * A guest may stop standing still, and another process then begin a snapshot of its own: what nobody has recorded yet is only
 * removed by whoever has this lock.
 */
async function lockSnapshots(
  context: WorkspaceContext,
  row: WorkspaceRow,
  signal: AbortSignal | undefined,
): Promise<Lock> {
  try {
    return await acquireLock(context.files(row.workspaceId).snapshotsLockPath, { signal });
  } catch (error) {
    signal?.throwIfAborted();
    throw context.hasDirectory(row.workspaceId) ? error : deletedMeanwhile(row);
  }
}

/** Nothing writes to the workspace's disk until the answer is disposed of. */
async function holdStill(
  context: WorkspaceContext,
  row: WorkspaceRow,
  signal: AbortSignal | undefined,
): Promise<Hold> {
  if (row.state === "started") {
    const client = await connectWorkspace(context, row, "take a snapshot");
    return row.imageId === null ? client.hold(signal) : client.freeze(signal);
  }
  const lock = await takeOver(context, row);
  return { requireHeld: () => undefined, [Symbol.asyncDispose]: async () => lock.release() };
}

/** What was copied while things moved is no snapshot. */
async function requireStill(still: Hold, drop: () => Promise<void>): Promise<void> {
  try {
    still.requireHeld();
  } catch (error) {
    await drop();
    throw error;
  }
}

/** What a killed process kept, but never told anybody of. */
async function forgetUnrecorded(
  context: WorkspaceContext,
  row: WorkspaceRow,
  storage: WorkspaceStorage,
): Promise<void> {
  await storage.tidy();
  const recorded = new Set(context.records.snapshots.list(row.workspaceId).map(({ name }) => name));
  for (const name of await storage.list()) if (!recorded.has(name)) await storage.remove(name);
}

function exists(row: WorkspaceRow, name: string): PyroError {
  return new PyroError(
    "snapshot_exists",
    `Workspace ${nameOf(row)} has a snapshot "${name}" already.`,
    { hint: `Choose another name, or: pyro workspace snapshot delete ${nameOf(row)} ${name}` },
  );
}

function record(context: WorkspaceContext, { workspaceId }: WorkspaceRow, text: string): void {
  context.records.journal.record({ workspaceId, at: now(), kind: "snapshot", text });
}
