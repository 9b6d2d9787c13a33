import { closeSync, fchmodSync, futimesSync, mkdirSync, openSync } from "node:fs";
import { baseName, parentPath } from "../model/byte-path.ts";
import type { BytePath } from "../model/tree.ts";
import { below, openFlags } from "../platform/descriptor-path.ts";
import { fileTime } from "./file-time.ts";

/** Enough for a deep tree in depth-first order; a thousand are what a process may often have in all. */
const openMax = 128;

interface Attributes {
  readonly mode: number;
  readonly mtimeNs: bigint | undefined;
}

/**
 * The directories of a tree that is being written. Every one is opened from its parent's descriptor, never by a path
 * through other directories; the most recently used stay open.
 */
export class StagedDirectories implements Disposable {
  readonly #parentFd: number;
  readonly #rootName: BytePath;
  /** What each directory gets at the end: with its own mode at once it could refuse its content. */
  readonly #attributes = new Map<BytePath, Attributes>();
  readonly #open = new Map<BytePath, number>();

  constructor(parentFd: number, rootName: BytePath) {
    this.#parentFd = parentFd;
    this.#rootName = rootName;
  }

  get count(): number {
    return this.#attributes.size;
  }

  has(path: BytePath): boolean {
    return this.#attributes.has(path);
  }

  create(path: BytePath, attributes: Attributes): void {
    if (path === "") mkdirSync(below(this.#parentFd, this.#rootName), { mode: 0o700 });
    else mkdirSync(below(this.descriptor(parentPath(path)), baseName(path)), { mode: 0o700 });
    this.#attributes.set(path, attributes);
  }

  /** An open descriptor, valid until the next call. */
  descriptor(path: BytePath): number {
    const known = this.#open.get(path);
    const fd = known ?? this.#openDirectory(path);
    this.#open.delete(path);
    this.#open.set(path, fd);
    return fd;
  }

  /** Modes and times, the deepest first, since every change of an entry changes its directory's time. */
  finish(): void {
    for (const [path, { mode, mtimeNs }] of [...this.#attributes].reverse()) {
      const fd = this.descriptor(path);
      fchmodSync(fd, mode);
      if (mtimeNs !== undefined) futimesSync(fd, fileTime(mtimeNs), fileTime(mtimeNs));
    }
  }

  [Symbol.dispose](): void {
    for (const fd of this.#open.values()) closeSync(fd);
    this.#open.clear();
  }

  #openDirectory(path: BytePath): number {
    const at =
      path === ""
        ? below(this.#parentFd, this.#rootName)
        : below(this.descriptor(parentPath(path)), baseName(path));
    const fd = openSync(at, openFlags.directory);
    const [oldest] = this.#open;
    if (this.#open.size >= openMax && oldest !== undefined) {
      this.#open.delete(oldest[0]);
      closeSync(oldest[1]);
    }
    return fd;
  }
}
