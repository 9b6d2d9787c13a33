/** A name as the bytes it is, one character a byte (latin1), because names need not be UTF-8. */
export type BytePath = string;

export type EntryType =
  | "file"
  | "directory"
  | "symlink"
  /** A further name of a file that came earlier. */
  | "hardlink"
  | "fifo"
  | "socket"
  | "character_device"
  | "block_device";

/** One entry of a tree of files, as it travels between host and guest (docs/protocol.md, "Records"). */
export interface TreeEntry {
  /** Relative to the tree, `/` between components; empty for the tree itself. */
  readonly path: BytePath;
  readonly type: EntryType;
  /** Permission bits, at most 0o7777. */
  readonly mode: number;
  /** Bytes of a file; 0 for everything else. */
  readonly size: number;
  /** Nanoseconds since 1970. */
  readonly mtimeNs: bigint;
  readonly uid: number;
  readonly gid: number;
  /** Equal for all names of one file; "0" when there is only one. */
  readonly inode: string;
  /** SHA-256 in hex; `unchanged` since the mark that was asked for; null when nobody computed it. */
  readonly digest: string | "unchanged" | null;
  /** Text of a symbolic link, or the earlier path of a hard link; empty otherwise. */
  readonly target: BytePath;
  /** Only `user.*`. */
  readonly xattrs: ReadonlyMap<string, Buffer>;
}

/** A piece of a file's content: bytes, or a hole of so many. */
export type ContentPiece = Buffer | { readonly holeBytes: number };

/** An entry and, for a file, its content, which must be read to its end before the next item. */
export interface TreeItem {
  readonly entry: TreeEntry;
  /** For files only. */
  readonly content?: AsyncIterable<ContentPiece> | undefined;
  /** Valid once the content was read: whether the file changed meanwhile. */
  readonly changedWhileRead?: () => boolean;
}

/** One step of an atomic edit; `expect` is the SHA-256 in hex of what must be there, null for nothing. */
export type TreeEdit =
  | {
      readonly op: "write";
      readonly path: BytePath;
      /** Default: that of the file it replaces, else 0o644. */
      readonly mode?: number | undefined;
      readonly content: Buffer;
      readonly expect: string | null;
    }
  | {
      readonly op: "symlink";
      readonly path: BytePath;
      readonly target: BytePath;
      readonly expect: string | null;
    }
  | { readonly op: "delete"; readonly path: BytePath; readonly expect: string | null }
  | {
      readonly op: "mode";
      readonly path: BytePath;
      readonly mode: number;
      readonly expect: string | null;
    };
