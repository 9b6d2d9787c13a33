import type { BytePath, EntryType } from "../model/tree.ts";
import { conflict, quoteBytes, refused } from "./patch-errors.ts";

/** What is at a path now. */
export interface PatchTarget {
  /** Of a file; the text of a symbolic link; empty otherwise. */
  readonly content: Buffer;
  /** Permission bits. */
  readonly mode: number;
  readonly type: EntryType;
}

/** Reads without following any link; undefined when nothing is there. */
export type ReadTarget = (path: BytePath) => Promise<PatchTarget | undefined>;

/** A file or link as the patch will leave it. */
export interface PlannedFile {
  readonly type: "file" | "symlink";
  readonly content: Buffer;
  readonly mode: number;
}

/**
 * The tree as it is with what is planned on top. Within one series renames and copies see the tree before it, as git's do, while
 * everything else sees what the files before it in the patch have done.
 */
export class PlannedTree {
  readonly #read: ReadTarget;
  readonly #originals = new Map<BytePath, PatchTarget | undefined>();
  readonly #planned = new Map<BytePath, PlannedFile | null>();
  #series = new Map<BytePath, PlannedFile | null>();
  #edited = new Set<BytePath>();

  constructor(read: ReadTarget) {
    this.#read = read;
  }

  /** What is there before any of the patch. */
  async original(path: BytePath): Promise<PatchTarget | undefined> {
    if (!this.#originals.has(path)) this.#originals.set(path, await this.#read(path));
    return this.#originals.get(path);
  }

  /** What a rename or copy takes: the file before this series, or as the series has edited or made it. */
  async source(path: BytePath): Promise<PatchTarget | undefined> {
    const earlier = this.#edited.has(path) ? undefined : await this.#beforeSeries(path);
    return earlier ?? this.current(path);
  }

  async #beforeSeries(path: BytePath): Promise<PatchTarget | undefined> {
    const planned = this.#planned.get(path);
    return planned === undefined ? this.original(path) : (planned ?? undefined);
  }

  /** What is there now; `undefined` also after a removal. */
  async current(path: BytePath): Promise<PatchTarget | undefined> {
    const planned = this.#series.get(path);
    return planned === undefined ? this.#beforeSeries(path) : (planned ?? undefined);
  }

  /** What this series has done to the path so far. */
  doneInSeries(path: BytePath): "nothing" | "written" | "removed" {
    const planned = this.#series.get(path);
    if (planned === undefined) return "nothing";
    return planned === null ? "removed" : "written";
  }

  /** Whether the patch has removed anything beneath `path` so far, which may have emptied it. */
  removesBeneath(path: BytePath): boolean {
    const isGone = ([gone, file]: [BytePath, PlannedFile | null]): boolean =>
      file === null && gone.startsWith(`${path}/`);
    return this.#planned.entries().some(isGone) || this.#series.entries().some(isGone);
  }

  put(path: BytePath, file: PlannedFile): void {
    this.#series.set(path, file);
  }

  /** Like `put`, for a file that stays what it was. */
  edit(path: BytePath, file: PlannedFile): void {
    this.#edited.add(path);
    this.put(path, file);
  }

  remove(path: BytePath): void {
    this.#series.set(path, null);
  }

  endSeries(): void {
    for (const [path, file] of this.#series) this.#planned.set(path, file);
    this.#series = new Map();
    this.#edited.clear();
  }

  /** Every path the patch touches, as it will be; null for removed ones. */
  get results(): ReadonlyMap<BytePath, PlannedFile | null> {
    return this.#planned;
  }

  /** Refuses results that lie beneath something that is, or will be, no directory. */
  async requireRealDirectories(): Promise<void> {
    for (const [path, file] of this.#planned) if (file !== null) await this.#requireParents(path);
  }

  async #requireParents(path: BytePath): Promise<void> {
    // Nothing is beneath what is missing, and what is there stands in real directories: most reads are saved.
    let mayExist = (await this.original(path)) === undefined;
    for (let slash = path.indexOf("/"); slash >= 0; slash = path.indexOf("/", slash + 1)) {
      const parent = path.slice(0, slash);
      const planned = this.#planned.get(parent);
      const there = planned === undefined && mayExist ? await this.original(parent) : planned;
      if (there) requireDirectory(there, parent, path);
      else mayExist = false;
    }
  }
}

function requireDirectory(there: PatchTarget, parent: BytePath, path: BytePath): void {
  if (there.type === "directory") return;
  if (there.type === "symlink")
    throw refused(`${quoteBytes(path)} leads through the symbolic link ${quoteBytes(parent)}`);
  throw conflict(`${quoteBytes(path)} lies beneath ${quoteBytes(parent)}, which is a file`);
}
