import { type BigIntStats, lstatSync } from "node:fs";
import { mkdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import type { AgentClient } from "../../channel/agent-client.ts";
import type { Extracted } from "../../channel/tree-client.ts";
import { diskBytes } from "../../environments/blank-disk.ts";
import { createUnformattedDisk, populateDisk } from "../../environments/populate-disk.ts";
import { toBuffer, toUtf8 } from "../../model/byte-path.ts";
import { asPyroError, type ErrorCode } from "../../model/errors.ts";
import type { BytePath, TreeItem } from "../../model/tree.ts";
import { faultPoint } from "../../platform/fault.ts";
import { temporaryNeighbour } from "../../platform/files.ts";
import { removeTree } from "../../platform/remove-tree.ts";
import type { WorkspaceChange, WorkspaceRow } from "../../registry/workspaces.ts";
import { BaselineWriter } from "../../trees/baseline-writer.ts";
import { encodeRecords, encodeTree } from "../../trees/encode-tree.ts";
import { baselineName } from "../life/switch-disk.ts";
import type { WorkspaceContext } from "../life/workspace-context.ts";
import {
  type BringUpOptions,
  bringUp,
  storageOf,
  type WorkspaceBase,
} from "../life/workspace-machine.ts";
import { type Attached, orDiscard } from "../machines/attach-agent.ts";
import type { WorkOptions } from "../machines/host.ts";
import { now } from "../records/workspace-records.ts";
import { tightenPolicy } from "./project-policy.ts";
import { noteChanged, type SeedReading, type SeedSource } from "./seed-source.ts";

/** Name of the workspace's directory on its disk. */
const workspaceOnDisk = "workspace";
/** Change times come from a clock that ticks. */
const clockTickNs = 20_000_000n;

interface Seeding {
  readonly row: WorkspaceRow;
  readonly base: WorkspaceBase;
  readonly source: SeedSource;
}

interface Seeded {
  readonly running: Attached;
  readonly reading: SeedReading;
  readonly extracted: Extracted;
}

/** Starts a new workspace's machine with its seed in place and the baseline kept; answers what that makes of the workspace. */
export async function startSeeded(
  context: WorkspaceContext,
  seeding: Seeding,
  options: BringUpOptions,
): Promise<WorkspaceChange> {
  const { row, source } = seeding;
  const { running, reading, extracted } = await seed(context, seeding, options);
  try {
    options.onProgress?.({ step: "keeping the baseline" });
    await keepBaseline(context, row, running.client);
    const { entryCount, bytes, mark } = extracted;
    const { mode, path: seedPath } = source;
    return {
      baselineMark: mark,
      workspaceSeed: { mode, seedPath, entryCount, bytes, ...reading.report },
    };
  } finally {
    context.supervisors.release(row.workspaceId, running);
  }
}

/** By way of the disk where that can be, else through the guest. */
async function seed(
  context: WorkspaceContext,
  seeding: Seeding,
  options: BringUpOptions,
): Promise<Seeded> {
  const { base, source } = seeding;
  if (base.kind === "host" || source.mode !== "directory" || source.isCompleted)
    return seedThroughGuest(context, seeding, options);
  try {
    return await seedThroughDisk(context, seeding, options);
  } catch (error) {
    if (!isNoObstacle(error)) throw error;
    const files = context.files(seeding.row.workspaceId);
    await rm(files.diskPath, { force: true });
    await removeTree(files.baselineDirectory);
    return seedThroughGuest(context, seeding, options);
  }
}

/** mke2fs could not read everything, or the tree changed between two looks at it: the guest can be told file by file. */
const noObstacles: readonly ErrorCode[] = [
  "host_tool_failed",
  "host_tool_missing",
  "workspace_path_conflict",
  "workspace_path_not_found",
];

function isNoObstacle(error: unknown): boolean {
  return noObstacles.includes(asPyroError(error).code);
}

/** The guest makes each file; the tree is read once, for it and for the baseline. */
async function seedThroughGuest(
  context: WorkspaceContext,
  { row, base, source }: Seeding,
  options: BringUpOptions,
): Promise<Seeded> {
  options.onProgress?.({ step: "starting" });
  const running = await bringUp(context, { row, base }, options);
  return orDiscard(running, async () => {
    faultPoint("create.started");
    const reading = source.read(options);
    const extracted = await keepingManifest(context, row, (writer) =>
      running.client.tree.extract("", encodeTree(writer.record(reading.items)), options),
    );
    await tighten(context, row, reading);
    return { running, reading, extracted };
  });
}

/**
 * The host makes the disk with the tree on it, while the baseline is kept and the machine starts; the guest then mends what mke2fs
 * cannot: times, owners, and what is not to come along.
 */
async function seedThroughDisk(
  context: WorkspaceContext,
  seeding: Seeding,
  options: BringUpOptions,
): Promise<Seeded> {
  await createUnformattedDisk(context.files(seeding.row.workspaceId).diskPath, diskBytes);
  const given = new AbortController();
  const signal = AbortSignal.any([given.signal, ...(options.signal ? [options.signal] : [])]);
  const filling = fillDisk(context, seeding, { ...options, signal });
  const starting = bringUp(context, seeding, { ...options, diskFilled: filling });
  // Nobody needs the disk then; and nothing may go on writing.
  starting.catch(() => given.abort());
  await Promise.allSettled([filling, starting]);
  // Fails with what the filling failed with.
  const running = await starting;
  return orDiscard(running, async () => {
    faultPoint("create.started");
    const { reading, records } = await filling;
    const extracted = await running.client.tree.adopt(records, options);
    return { running, reading, extracted };
  });
}

/** Formats the disk, with the tree on it, and keeps the baseline. Answers the records of what belongs there. */
async function fillDisk(
  context: WorkspaceContext,
  { row, source }: Seeding,
  options: WorkOptions,
): Promise<{ reading: SeedReading; records: Buffer }> {
  const { diskPath } = context.files(row.workspaceId);
  const { signal } = options;
  const beganNs = BigInt(Date.now()) * 1_000_000n - clockTickNs;
  const reading = source.read(options);
  const populate = (hidden: readonly string[]) =>
    populateDisk(diskPath, { source: source.path, target: workspaceOnDisk, hidden, signal });
  const paths: BytePath[] = [];
  const records = await keepingManifest(context, row, async (writer) => {
    const encoding = encodeRecords(noting(writer.record(reading.items), paths));
    if (!source.leavesOut) return (await both(encoding, populate([])))[0];
    // What is left out by rule may be most of the tree: better known before it is copied.
    const encoded = await encoding;
    await populate(directoriesOf(source.path, reading.leftOut));
    return encoded;
  });
  await tighten(context, row, reading);
  for (const path of touchedSince(source.path, paths, beganNs)) noteChanged(reading.report, path);
  options.onProgress?.({ step: "starting" });
  return { reading, records };
}

/** Both, or the first failure once both have ended: nothing may go on writing. */
async function both<A, B>(one: Promise<A>, other: Promise<B>): Promise<[A, B]> {
  await Promise.allSettled([one, other]);
  return Promise.all([one, other]);
}

/** Keeps manifest and contents of what `work` passes through the writer. */
async function keepingManifest<T>(
  context: WorkspaceContext,
  row: WorkspaceRow,
  work: (writer: BaselineWriter) => Promise<T>,
): Promise<T> {
  const { baselineDirectory } = context.files(row.workspaceId);
  const unfinished = temporaryNeighbour(baselineDirectory);
  await mkdir(unfinished, { mode: 0o700 });
  const writer = await BaselineWriter.create(unfinished);
  try {
    const result = await work(writer);
    faultPoint("create.extracted");
    await writer.finish();
    await rename(unfinished, baselineDirectory);
    return result;
  } catch (error) {
    await writer.abandon();
    await removeTree(unfinished);
    throw error;
  }
}

function tighten(
  context: WorkspaceContext,
  row: WorkspaceRow,
  { seen }: SeedReading,
): Promise<void> {
  const { baselineDirectory } = context.files(row.workspaceId);
  return tightenPolicy(context.records.workspaces, row, { seen, baselineDirectory });
}

/** Keeps the disk as it is before anything ran on it. */
async function keepBaseline(
  context: WorkspaceContext,
  row: WorkspaceRow,
  client: AgentClient,
): Promise<void> {
  // A directory of the host stands still by itself, because nothing runs in it yet.
  await using still = row.imageId === null ? undefined : await client.freeze();
  const storedBytes = await storageOf(context, row).capture(baselineName);
  still?.requireHeld();
  const snapshot = { name: baselineName, createdAt: now(), storedBytes };
  context.records.snapshots.insert(row.workspaceId, snapshot);
}

/** The same items, the paths of files noted. */
async function* noting(
  items: AsyncIterable<TreeItem>,
  paths: BytePath[],
): AsyncGenerator<TreeItem> {
  for await (const item of items) {
    if (item.entry.type === "file") paths.push(item.entry.path);
    yield item;
  }
}

/** Files that somebody changed since: what mke2fs read of them may not be what we read. */
function touchedSince(root: string, paths: readonly BytePath[], sinceNs: bigint): BytePath[] {
  return paths.filter((path) => {
    const found = look(root, path);
    return found === undefined || found.ctimeNs >= sinceNs;
  });
}

function directoriesOf(root: string, paths: readonly BytePath[]): string[] {
  return paths.flatMap((path) => {
    const text = toUtf8(path);
    return text !== undefined && look(root, path)?.isDirectory() ? [text] : [];
  });
}

function look(root: string, path: BytePath): BigIntStats | undefined {
  const full = Buffer.concat([Buffer.from(join(root, "/")), toBuffer(path)]);
  return lstatSync(full, { bigint: true, throwIfNoEntry: false });
}
