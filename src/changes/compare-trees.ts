import { parentPath } from "../model/byte-path.ts";
import type { BytePath, EntryType, TreeEntry } from "../model/tree.ts";
import { type Baseline, BaselineDigests, type DigestOf } from "./baseline-digests.ts";
import { makePathFilter, type PathFilter } from "./filter-paths.ts";
import { pairExactRenames } from "./find-renames.ts";
import { type BaselineEntryLike, byPath, type TreeChange } from "./tree-change.ts";

export interface CompareOptions {
  /** Paths left out on both sides, with all beneath them. Default: none, not even `.git`. */
  readonly exclude?: readonly BytePath[] | undefined;
  /** Whether files that moved unaltered become `renamed`. Default: true. */
  readonly renames?: boolean | undefined;
  /** Asked for the few files whose digest the scan does not settle; without it those are `modified` with no new digest. */
  readonly digestOf?: DigestOf | undefined;
}

export type Scan = Iterable<TreeEntry> | AsyncIterable<TreeEntry>;

/**
 * What differs between the baseline and a scan of now (parents before children), in byte order of the paths. Times alone are no change. A
 * directory appears only where git could not tell: added or deleted while empty, another mode, another type.
 */
export async function compareTrees(
  baseline: Baseline,
  scan: Scan,
  options: CompareOptions = {},
): Promise<TreeChange[]> {
  const isExcluded: PathFilter = makePathFilter(options.exclude ?? []);
  const now = await readScan(scan, new BaselineDigests(baseline, options.digestOf));
  const before = resolveHardLinks(baseline);
  const parentsNow = parentsOf(now.keys());
  const parentsBefore = parentsOf(before.keys());
  const changes: TreeChange[] = [];
  for (const [path, entry] of now) {
    if (isExcluded(path)) continue;
    const change = compareEntry(path, before.get(path), entry);
    if (change && !(change.kind === "added" && parentsNow.has(path))) changes.push(change);
  }
  for (const [path, entry] of before)
    if (!now.has(path) && !isExcluded(path) && !parentsBefore.has(path))
      changes.push(describe(path, { before: entry, now: undefined }));
  const found = options.renames === false ? changes : pairExactRenames(changes);
  return found.sort(byPath);
}

async function readScan(
  scan: Scan,
  digests: BaselineDigests,
): Promise<Map<BytePath, BaselineEntryLike>> {
  const entries = new Map<BytePath, BaselineEntryLike>();
  for await (const entry of scan) {
    if (entry.path === "") continue;
    const { path, type } = entry;
    if (type === "directory") digests.noteDirectory(entry);
    const sibling = type === "hardlink" ? entries.get(entry.target) : undefined;
    if (sibling) entries.set(path, sibling);
    else if (type !== "file") entries.set(path, withDigest(entry, null));
    else entries.set(path, withDigest(entry, digests.known(entry) ?? (await digests.read(entry))));
  }
  return entries;
}

function withDigest(entry: TreeEntry, digest: string | null): BaselineEntryLike {
  const { type, mode, size, mtimeNs, target } = entry;
  return { type, mode, size, mtimeNs, digest, target };
}

function resolveHardLinks(baseline: Baseline): Baseline {
  const resolved = new Map<BytePath, BaselineEntryLike>();
  for (const [path, entry] of baseline) {
    if (path === "") continue;
    const file = entry.type === "hardlink" ? baseline.get(entry.target) : undefined;
    resolved.set(path, file ?? entry);
  }
  return resolved;
}

function parentsOf(paths: Iterable<BytePath>): Set<BytePath> {
  const parents = new Set<BytePath>();
  for (const path of paths) parents.add(parentPath(path));
  return parents;
}

function compareEntry(
  path: BytePath,
  before: BaselineEntryLike | undefined,
  now: BaselineEntryLike,
): TreeChange | undefined {
  if (before === undefined || before.type !== now.type || before.target !== now.target)
    return describe(path, { before, now });
  const sameContent = now.type !== "file" || (now.digest !== null && now.digest === before.digest);
  const sameMode = now.mode === before.mode || now.type === "symlink";
  return sameContent && sameMode ? undefined : describe(path, { before, now });
}

interface Sides {
  readonly before: BaselineEntryLike | undefined;
  readonly now: BaselineEntryLike | undefined;
}

function describe(path: BytePath, { before, now }: Sides): TreeChange {
  return {
    path,
    kind: kindOf(before, now),
    oldType: before?.type ?? null,
    newType: now?.type ?? null,
    oldMode: before?.mode ?? null,
    newMode: now?.mode ?? null,
    oldDigest: before?.digest ?? null,
    newDigest: now?.digest ?? null,
    oldTarget: linkText(before),
    newTarget: linkText(now),
    oldSize: fileSize(before),
    size: fileSize(now),
  };
}

function kindOf(
  before: BaselineEntryLike | undefined,
  now: BaselineEntryLike | undefined,
): TreeChange["kind"] {
  if (before === undefined) return "added";
  if (now === undefined) return "deleted";
  if (before.type !== now.type) return "type_changed";
  const unaltered = before.target === now.target && before.digest === now.digest;
  const contentless: readonly EntryType[] = ["directory", "fifo", "socket"];
  return unaltered && (now.digest !== null || contentless.includes(now.type))
    ? "mode_changed"
    : "modified";
}

function linkText(entry: BaselineEntryLike | undefined): BytePath {
  return entry?.type === "symlink" ? entry.target : "";
}

function fileSize(entry: BaselineEntryLike | undefined): number {
  return entry?.type === "file" ? entry.size : 0;
}
