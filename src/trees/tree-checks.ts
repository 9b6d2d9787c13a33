import { displayPath, parentPath } from "../model/byte-path.ts";
import type { BytePath, EntryType, TreeEntry } from "../model/tree.ts";
import { PathTypes } from "./path-types.ts";
import { badEntry, badRecord, recordLimits } from "./record.ts";

/** What a reader of a guest's tree accepts. */
export interface TreeLimits {
  /** Default and at most: 2,000,000. */
  readonly entriesMax?: number;
  /** Sum of all files' sizes, holes included; default: no limit. */
  readonly bytesMax?: number;
  /** Sum of all names' and links' lengths; default and at most: 256 MiB. */
  readonly nameBytesMax?: number;
  /**
   * Whether every entry's directory must have come before it; default true. A stream that was asked for as a list of
   * paths leaves directories out; even there none may come after what it holds.
   */
  readonly parentsRequired?: boolean;
  /** The error for more than these limits allow; default: that the guest broke the protocol. */
  readonly tooMuch?: (what: string) => Error;
}

/** Keeps a stream of very long names from filling the host's memory. */
const allNameBytesMax = 256 * 1024 * 1024;

/** Holds the entries of one stream against each other. */
export class TreeChecks {
  readonly #types = new PathTypes();
  readonly #entriesMax: number;
  readonly #bytesMax: number;
  readonly #nameBytesMax: number;
  readonly #parentsRequired: boolean;
  readonly #tooMuch: (what: string) => Error;
  #entryCount = 0;
  #bytes = 0;
  #nameBytes = 0;

  constructor(limits: TreeLimits) {
    this.#entriesMax = Math.min(limits.entriesMax ?? Infinity, recordLimits.entriesMax);
    this.#bytesMax = limits.bytesMax ?? Number.MAX_SAFE_INTEGER;
    this.#nameBytesMax = Math.min(limits.nameBytesMax ?? Infinity, allNameBytesMax);
    this.#parentsRequired = limits.parentsRequired ?? true;
    this.#tooMuch = limits.tooMuch ?? badRecord;
  }

  get entryCount(): number {
    return this.#entryCount;
  }

  /** Refuses an entry that does not fit those before it. */
  add(entry: TreeEntry): void {
    this.#count(entry);
    const { path, type } = entry;
    if (path === "") this.#checkFirst(type);
    else this.#checkPlace(path);
    if (type === "hardlink" && this.#types.get(entry.target) !== "file")
      throw badEntry(path, `its target ${displayPath(entry.target)} is no file that came before`);
    this.#types.set(path, type);
  }

  #count({ path, size, target }: TreeEntry): void {
    this.#entryCount++;
    this.#bytes += size;
    this.#nameBytes += path.length + target.length;
    if (this.#entryCount > this.#entriesMax)
      throw this.#tooMuch(`there are more than ${this.#entriesMax} entries`);
    if (this.#bytes > this.#bytesMax)
      throw badEntry(path, `the files have more than ${this.#bytesMax} bytes up to here`);
    if (this.#nameBytes > this.#nameBytesMax)
      throw this.#tooMuch(`the names have more than ${this.#nameBytesMax} bytes`);
  }

  #checkFirst(type: EntryType): void {
    if (this.#entryCount > 1) throw badEntry("", "the tree itself does not come first");
    if (type === "hardlink") throw badEntry("", "the tree itself is a hard link");
  }

  #checkPlace(path: BytePath): void {
    const existing = this.#types.get(path);
    if (existing === "implied") throw badEntry(path, "it comes after what it holds");
    if (existing !== undefined) throw badEntry(path, "it comes twice");
    const root = this.#types.get("");
    if (root !== undefined && root !== "directory")
      throw badEntry(path, "it is in a tree that is no directory");
    this.#checkParents(path);
  }

  #checkParents(path: BytePath): void {
    for (let parent = parentPath(path); parent !== ""; parent = parentPath(parent)) {
      const type = this.#types.get(parent);
      if (type === "directory" || type === "implied") return;
      if (type !== undefined) throw badEntry(path, `${displayPath(parent)} is no directory`);
      if (this.#parentsRequired)
        throw badEntry(path, `its directory ${displayPath(parent)} did not come before it`);
      this.#types.set(parent, "implied");
      this.#nameBytes += parent.length;
    }
  }
}
