import { readdir } from "node:fs/promises";
import { machinePrograms } from "../../drivers/driver.ts";
import { emptySeed } from "../../model/empty-seed.ts";
import { isId, type WorkspaceKind } from "../../model/workspace-names.ts";
import { isAlive, killProcess, processesHolding } from "../../platform/processes.ts";
import type { KnownWorkspace } from "../../registry/adopt-workspace.ts";
import { isMisfortune } from "../records/misfortune.ts";
import { lockUnserved } from "../records/stray-processes.ts";
import { describedRevision, readDescription } from "../records/workspace-description.ts";
import { type WorkspaceFiles, workspacesDirectory } from "../records/workspace-files.ts";
import { now } from "../records/workspace-records.ts";
import { storedSequences } from "../supervisor/kept-output.ts";
import { baselineName } from "./switch-disk.ts";
import type { WorkspaceContext } from "./workspace-context.ts";
import { storageOf } from "./workspace-machine.ts";

/**
 * Registers again every workspace that its directory knows better than the registry does, which was moved away, lost, or put back
 * from a copy. What is adopted is what was meant; whoever asked settles it.
 */
export async function adoptWorkspaces(
  context: WorkspaceContext,
  kind: WorkspaceKind,
): Promise<void> {
  const root = workspacesDirectory(context.host.config.stateDirectory, kind);
  const ids = (await readdir(root).catch(() => [])).filter((name) => isId(name, kind));
  const isKnown = (id: string) => context.records.workspaces.find(id) !== undefined;
  const known = ids.filter(isKnown);
  // They may have given up names that others have since.
  for (const id of known) await tryAdopt(context, id);
  for (const id of ids) if (!known.includes(id)) await tryAdopt(context, id);
}

/** One that cannot be adopted now keeps nobody from the others. */
async function tryAdopt(context: WorkspaceContext, workspaceId: string): Promise<void> {
  try {
    await adoptWorkspace(context, workspaceId);
  } catch (error) {
    if (!isMisfortune(error)) throw error;
  }
}

/** The same for one workspace. */
export async function adoptWorkspace(
  context: WorkspaceContext,
  workspaceId: string,
): Promise<void> {
  if (!isBehind(context, workspaceId)) return;
  const files = context.files(workspaceId);
  // A supervisor writes to the registry that it was started with.
  using lock = await lockUnserved(files);
  context.supervisors.forget(workspaceId);
  // Somebody is at work on it, or has adopted it meanwhile.
  if (lock === undefined || !isBehind(context, workspaceId)) return;
  const described = await readDescription(files, workspaceId);
  if (described === undefined) return;
  await endOtherMachines(files, described);
  register(context, await withEverythingKept(context, described));
}

/** Whether the registry knows less than the directory. Descriptions are written after rows, so they are read before them. */
function isBehind(context: WorkspaceContext, workspaceId: string): boolean {
  const described = describedRevision(context.files(workspaceId));
  const row = context.records.workspaces.find(workspaceId);
  if (row === undefined) return described !== undefined;
  // Written by a pyro that described nothing, or not written for want of room.
  if (described === undefined || described < row.revision) context.records.describe(workspaceId);
  return described !== undefined && described > row.revision;
}

/** Two machines on one disk would destroy it. */
async function endOtherMachines(files: WorkspaceFiles, { row }: KnownWorkspace): Promise<void> {
  if (row.process !== null && isAlive(row.process)) return;
  await Promise.all(processesHolding(files.directory, machinePrograms).map(killProcess));
}

/** What the directory holds counts, where the description does not tell of it. */
async function withEverythingKept(
  context: WorkspaceContext,
  { row, snapshots, ...rest }: KnownWorkspace,
): Promise<KnownWorkspace> {
  const files = context.files(row.workspaceId);
  const kept = await storageOf(context, row).list();
  const isKnown = (name: string) => snapshots.some((snapshot) => snapshot.name === name);
  const found = kept
    .filter((name) => !isKnown(name))
    .map((name) => ({ name, createdAt: row.createdAt, storedBytes: 0 }));
  const hasUnknownBaseline =
    row.workspaceSeed.mode === emptySeed.mode && kept.includes(baselineName);
  const numbers = storedSequences(files.outputDirectory);
  const commandCount = Math.max(row.commandCount, ...numbers);
  const workspaceSeed = hasUnknownBaseline
    ? { ...row.workspaceSeed, mode: "directory" as const }
    : row.workspaceSeed;
  return {
    ...rest,
    row: { ...row, commandCount, workspaceSeed },
    snapshots: [...snapshots, ...found],
  };
}

function register(context: WorkspaceContext, described: KnownWorkspace): void {
  const { workspaceId, name } = described.row;
  const { nameTakenBy } = context.records.adopt(described);
  const lost =
    nameTakenBy === undefined ? "" : `, without its name "${name}", which ${nameTakenBy} has`;
  const text = `found again by its directory${lost}`;
  context.records.journal.record({ workspaceId, at: now(), kind: "adopted", text });
}
