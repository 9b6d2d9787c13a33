import { baseName } from "../model/byte-path.ts";
import type { BytePath } from "../model/tree.ts";
import { type ContentSketch, looksBinary, similarityPercent, sketchContent } from "./similarity.ts";
import { byPath, type TreeChange } from "./tree-change.ts";

/** Bounds of the search for altered renames; with all of them reached it takes about a second. */
export const renameLimits = {
  /** Deleted, and as many added files: the work grows with the product. git stops at 1,000. */
  candidates: 200,
  /** Larger files are rarely moved and edited at once, and slow to compare. */
  fileBytes: 1024 * 1024,
  totalBytes: 64 * 1024 * 1024,
  /** What is kept of all contents, a few dozen bytes each. */
  totalPieces: 400_000,
  /** Steps over sketches of two files. */
  comparisonSteps: 20_000_000,
  similarityPercentMin: 50,
} as const;

export interface ContentReaders {
  /** The content of a regular file of the baseline. */
  readonly readOld: (path: BytePath) => Promise<Buffer>;
  /** The first `bytesMax` bytes of a regular file of now, or all of a shorter one. */
  readonly readNew: (path: BytePath, bytesMax: number) => Promise<Buffer>;
}

/** The changes, with each deleted and each added file of equal digest made one `renamed`. */
export function pairExactRenames(changes: readonly TreeChange[]): TreeChange[] {
  const deletedByDigest = new Map<string, TreeChange[]>();
  for (const change of changes) {
    const { oldDigest } = change;
    if (!isDeletedFile(change) || oldDigest === null) continue;
    const alike = deletedByDigest.get(oldDigest);
    if (alike) alike.push(change);
    else deletedByDigest.set(oldDigest, [change]);
  }
  const pairs: Pair[] = [];
  for (const added of changes) {
    const alike = isAddedFile(added) && deletedByDigest.get(added.newDigest ?? "");
    if (!alike || alike.length === 0) continue;
    // Among many equal files a long search for the best name would be a product of both counts.
    const sameName = alike
      .slice(0, 50)
      .findIndex(({ path }) => baseName(path) === baseName(added.path));
    const [deleted] = alike.splice(Math.max(0, sameName), 1);
    if (deleted) pairs.push({ deleted, added, similarity: 100 });
  }
  return withPairs(changes, pairs);
}

/** The changes, with deleted and added files of at least 50 % equal text made `renamed`, the most alike first. */
export async function findRenames(
  changes: readonly TreeChange[],
  readers: ContentReaders,
): Promise<TreeChange[]> {
  const exact = pairExactRenames(changes);
  const deleted = exact.filter((change) => isDeletedFile(change) && isSmall(change.oldSize));
  const added = exact.filter((change) => isAddedFile(change) && isSmall(change.size));
  if (deleted.length === 0 || added.length === 0) return exact.sort(byPath);
  const budget = {
    bytes: renameLimits.totalBytes,
    pieces: renameLimits.totalPieces,
    steps: renameLimits.comparisonSteps,
  };
  const readOld = ({ path }: TreeChange) => readers.readOld(path);
  // What a file was said to have is all that is read of it, whatever it has by now.
  const readNew = ({ path, size }: TreeChange) => readers.readNew(path, size);
  const old = await sketchAll(deleted.slice(0, renameLimits.candidates), readOld, budget);
  const now = await sketchAll(added.slice(0, renameLimits.candidates), readNew, budget);
  return withPairs(exact, choosePairs(scorePairs(old, now, budget))).sort(byPath);
}

interface Pair {
  readonly deleted: TreeChange;
  readonly added: TreeChange;
  readonly similarity: number;
}

interface Sketched {
  readonly change: TreeChange;
  readonly sketch: ContentSketch;
}

interface Budget {
  bytes: number;
  pieces: number;
  steps: number;
}

async function sketchAll(
  changes: readonly TreeChange[],
  read: (change: TreeChange) => Promise<Buffer>,
  budget: Budget,
): Promise<Sketched[]> {
  const sketched: Sketched[] = [];
  for (const change of changes) {
    budget.bytes -= Math.max(change.size, change.oldSize);
    if (budget.bytes < 0 || budget.pieces < 0) break;
    const content = await read(change);
    if (looksBinary(content)) continue;
    const sketch = sketchContent(content);
    budget.pieces -= sketch.pieces.size;
    sketched.push({ change, sketch });
  }
  return sketched;
}

function scorePairs(old: readonly Sketched[], now: readonly Sketched[], budget: Budget): Pair[] {
  const pairs: Pair[] = [];
  for (const { change: deleted, sketch } of old)
    for (const candidate of now) {
      if (budget.steps < 0) return pairs;
      budget.steps -= Math.min(sketch.pieces.size, candidate.sketch.pieces.size) + 1;
      const similarity = similarityPercent(sketch, candidate.sketch);
      if (similarity >= renameLimits.similarityPercentMin)
        pairs.push({ deleted, added: candidate.change, similarity });
    }
  return pairs;
}

/** The best pairs first; each file in one pair only. */
function choosePairs(pairs: readonly Pair[]): Pair[] {
  const used = new Set<TreeChange>();
  const sorted = pairs.toSorted(
    (left, right) => right.similarity - left.similarity || sameName(right) - sameName(left),
  );
  return sorted.filter(({ deleted, added }) => {
    if (used.has(deleted) || used.has(added)) return false;
    used.add(deleted).add(added);
    return true;
  });
}

function sameName({ deleted, added }: Pair): number {
  return baseName(deleted.path) === baseName(added.path) ? 1 : 0;
}

function withPairs(changes: readonly TreeChange[], pairs: readonly Pair[]): TreeChange[] {
  const gone = new Set(pairs.map(({ deleted }) => deleted));
  const byAdded = new Map(pairs.map((pair) => [pair.added, pair]));
  const result: TreeChange[] = [];
  for (const change of changes) {
    const pair = byAdded.get(change);
    if (pair) result.push(asRename(pair));
    else if (!gone.has(change)) result.push(change);
  }
  return result;
}

function asRename({ deleted, added, similarity }: Pair): TreeChange {
  const { oldType, oldMode, oldDigest, oldTarget, oldSize, path: oldPath } = deleted;
  const was = { oldType, oldMode, oldDigest, oldTarget, oldSize, oldPath };
  return { ...added, ...was, kind: "renamed", similarity };
}

/** Empty files are all alike, and say nothing about where they came from. */
function isDeletedFile(change: TreeChange): boolean {
  return change.kind === "deleted" && change.oldType === "file" && change.oldSize > 0;
}

function isAddedFile(change: TreeChange): boolean {
  return change.kind === "added" && change.newType === "file" && change.size > 0;
}

function isSmall(sizeBytes: number): boolean {
  return sizeBytes <= renameLimits.fileBytes;
}
