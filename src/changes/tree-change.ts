import type { BytePath, EntryType } from "../model/tree.ts";

/** What is remembered of one entry of the baseline; a `TreeEntry` with its digest fits. */
export interface BaselineEntryLike {
  readonly type: EntryType;
  /** Permission bits. */
  readonly mode: number;
  /** Bytes of a file; 0 for everything else. */
  readonly size: number;
  readonly mtimeNs: bigint;
  /** SHA-256 in hex for files; null for everything else. */
  readonly digest: string | null;
  /** Text of a symbolic link, or the earlier path of a hard link; empty otherwise. */
  readonly target: BytePath;
}

export type ChangeKind =
  | "added"
  | "modified"
  | "deleted"
  | "type_changed"
  /** Only the permission bits differ. */
  | "mode_changed"
  /** `oldPath` is gone, `path` is new, and their contents are alike. */
  | "renamed";

/** One difference between the baseline and the tree of now. */
export interface TreeChange {
  /** Where it is now; where it was, for a deletion. */
  readonly path: BytePath;
  readonly kind: ChangeKind;
  /** Where it was; only for `renamed`. */
  readonly oldPath?: BytePath;
  /** Null when there was nothing; a hard link counts as its file. */
  readonly oldType: EntryType | null;
  readonly newType: EntryType | null;
  readonly oldMode: number | null;
  readonly newMode: number | null;
  /** SHA-256 in hex; null for everything but files, and where nobody computed it. */
  readonly oldDigest: string | null;
  readonly newDigest: string | null;
  /** Text of a symbolic link; empty for everything else. */
  readonly oldTarget: BytePath;
  readonly newTarget: BytePath;
  /** Bytes of the file it was, 0 for everything else. */
  readonly oldSize: number;
  /** Bytes of the file it is now, 0 for everything else. */
  readonly size: number;
  /** Per cent of equal content; only for `renamed`. */
  readonly similarity?: number;
}

/** Byte order, which is git's. */
export function byPath(left: { path: BytePath }, right: { path: BytePath }): number {
  if (left.path === right.path) return 0;
  return left.path < right.path ? -1 : 1;
}
