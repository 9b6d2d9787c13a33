import { displayPath } from "../model/byte-path.ts";
import { PyroError } from "../model/errors.ts";
import type { BytePath, EntryType } from "../model/tree.ts";
import { diffLimits } from "./diff-limits.ts";
import type { ContentReaders } from "./find-renames.ts";
import { blobId, type GitMode, gitMode, linkContent } from "./git-objects.ts";
import { diffLines, type Region, splitLines } from "./line-diff.ts";
import { looksBinary } from "./similarity.ts";
import type { TreeChange } from "./tree-change.ts";

const lineFeed = 0x0a;

/** One side of a difference, as git could store it. */
export interface FileSide {
  readonly path: BytePath;
  readonly mode: GitMode;
  readonly sizeBytes: number;
  /** Absent when it was not needed: equal contents, or too large for text. */
  readonly content?: Buffer;
  /** git's id of the content; absent with it. */
  readonly id?: string;
}

export type FileBody =
  /** The contents are equal. */
  | { readonly kind: "none" }
  | {
      readonly kind: "text";
      readonly old: readonly string[];
      readonly now: readonly string[];
      readonly regions: readonly Region[];
    }
  | { readonly kind: "binary" }
  | { readonly kind: "too_large" };

/** What `git diff` would say of one path. */
export interface FileDiff {
  readonly change: TreeChange;
  /** Null for a new file. */
  readonly old: FileSide | null;
  /** Null for a deleted file. */
  readonly now: FileSide | null;
  readonly body: FileBody;
}

export interface FileDiffOptions extends ContentReaders {
  /** Read contents whatever their size, for a patch that must recreate them. Default: false. */
  readonly complete?: boolean | undefined;
}

/**
 * The differences behind `changes` that have a form in git, one at a time. A change of type is two of them: git deletes and creates.
 * Directories, special files and permission bits other than the executable one have no such form.
 */
export async function* fileDiffs(
  changes: Iterable<TreeChange>,
  options: FileDiffOptions,
): AsyncGenerator<FileDiff> {
  const clock = { spentMs: 0 };
  for (const change of changes) {
    const oldMode = gitMode(change.oldType, change.oldMode);
    const newMode = gitMode(change.newType, change.newMode);
    if (!isTypeChange(oldMode, newMode)) {
      const sides = await loadSides(change, { oldMode, newMode }, options);
      if (isVisible(sides)) yield { change, ...sides, body: bodyOf(change, sides, clock) };
      continue;
    }
    const gone = await loadSides(change, { oldMode, newMode: null }, options);
    yield { change, ...gone, body: bodyOf(change, gone, clock) };
    const made = await loadSides(change, { oldMode: null, newMode }, options);
    yield { change, ...made, body: bodyOf(change, made, clock) };
  }
}

interface Modes {
  readonly oldMode: GitMode | null;
  readonly newMode: GitMode | null;
}

interface Sides {
  readonly old: FileSide | null;
  readonly now: FileSide | null;
}

function isTypeChange(oldMode: GitMode | null, newMode: GitMode | null): boolean {
  return oldMode !== null && newMode !== null && (oldMode === "120000") !== (newMode === "120000");
}

function isVisible({ old, now }: Sides): boolean {
  if (old === null || now === null) return old !== now;
  return (
    old.path !== now.path || old.mode !== now.mode || old.id === undefined || old.id !== now.id
  );
}

async function loadSides(
  change: TreeChange,
  { oldMode, newMode }: Modes,
  options: FileDiffOptions,
): Promise<Sides> {
  const isEqual =
    oldMode !== null && newMode !== null && change.newType === "file" && sameDigest(change);
  const isLarge = Math.max(change.oldSize, change.size) > diffLimits.textBytes;
  const wanted = !isEqual && (!isLarge || options.complete === true);
  const old = oldMode && {
    path: change.oldPath ?? change.path,
    mode: oldMode,
    sizeBytes: sizeOf(change.oldType, change.oldTarget, change.oldSize),
  };
  const now = newMode && {
    path: change.path,
    mode: newMode,
    sizeBytes: sizeOf(change.newType, change.newTarget, change.size),
  };
  const readOld = (path: BytePath): Promise<Buffer> =>
    oldMode === "120000" ? inMemory(change.oldTarget) : options.readOld(path);
  const readNew = (path: BytePath): Promise<Buffer> =>
    newMode === "120000" ? inMemory(change.newTarget) : readWhole(path, options);
  return {
    old: old && (wanted ? withContent(old, await readOld(old.path)) : old),
    now: now && (wanted ? withContent(now, await readNew(now.path)) : now),
  };
}

/** A file of now. One that outgrew its form since it was looked at would be cut. */
async function readWhole(path: BytePath, { readNew, complete }: FileDiffOptions): Promise<Buffer> {
  const bytesMax = complete === true ? diffLimits.contentBytes : diffLimits.textBytes;
  const content = await readNew(path, bytesMax + 1);
  if (content.length <= bytesMax) return content;
  throw new PyroError(
    "workspace_path_conflict",
    `${displayPath(path)} changed while it was read: it has more than ${bytesMax} bytes now.`,
    { hint: "Try again when nothing writes to it, or name the other paths." },
  );
}

function sameDigest({ oldDigest, newDigest }: TreeChange): boolean {
  return oldDigest !== null && oldDigest === newDigest;
}

function sizeOf(type: EntryType | null, target: BytePath, sizeBytes: number): number {
  return type === "symlink" ? target.length : sizeBytes;
}

async function inMemory(target: BytePath): Promise<Buffer> {
  return linkContent(target);
}

function withContent(side: FileSide, content: Buffer): FileSide {
  return { ...side, content, id: blobId(content), sizeBytes: content.length };
}

function bodyOf(change: TreeChange, { old, now }: Sides, clock: { spentMs: number }): FileBody {
  const contents = [old, now].flatMap((side) => (side?.content ? [side.content] : []));
  if (contents.length === 0)
    return old && now && sameDigest(change) ? { kind: "none" } : { kind: "too_large" };
  if (old?.id !== undefined && old.id === now?.id) return { kind: "none" };
  if (contents.some(looksBinary)) return { kind: "binary" };
  const isLarge = contents.some(
    (content) => content.length > diffLimits.textBytes || hasMoreLines(content, diffLimits.lines),
  );
  if (isLarge || clock.spentMs > diffLimits.linesMs) return { kind: "too_large" };
  const startedMs = performance.now();
  const oldLines = linesOf(old);
  const newLines = linesOf(now);
  const remainingMs = Math.max(0, diffLimits.totalMs - clock.spentMs);
  const regions = diffLines(oldLines, newLines, {
    editLengthMax: remainingMs > 0 ? diffLimits.editLength : 0,
    timeMs: Math.min(diffLimits.fileMs, remainingMs),
  });
  clock.spentMs += performance.now() - startedMs;
  return { kind: "text", old: oldLines, now: newLines, regions };
}

function hasMoreLines(content: Buffer, linesMax: number): boolean {
  let lines = 0;
  for (let at = 0; lines <= linesMax; lines++) {
    at = content.indexOf(lineFeed, at) + 1;
    if (at === 0) return false;
  }
  return true;
}

function linesOf(side: FileSide | null): string[] {
  return splitLines(side?.content?.toString("latin1") ?? "");
}
