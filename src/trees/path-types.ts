import { randomBytes } from "node:crypto";
import type { BytePath, EntryType } from "../model/tree.ts";

/** What is at a path; `implied` is a directory that only what it holds speaks of. */
export type PathType = EntryType | "implied";

const types: readonly PathType[] = [
  "file",
  "directory",
  "symlink",
  "hardlink",
  "fifo",
  "socket",
  "character_device",
  "block_device",
  "implied",
];

/**
 * Which paths a stream has named, and what they are, in a dozen bytes a path: a guest may name two million. Kept are hashes with a
 * secret of this table, so that nobody can look for two paths that share one; by chance, a table full of paths has such a pair once in millions of times.
 */
export class PathTypes {
  readonly #seeds = new Uint32Array(new Uint8Array(randomBytes(8)).buffer);
  /** Two words of hash a slot; where the type is 0 nothing is. */
  #hashes = new Uint32Array(2 * 1024);
  #types = new Uint8Array(1024);
  #size = 0;

  get(path: BytePath): PathType | undefined {
    const [high, low] = this.#hash(path);
    return types[(this.#types[this.#slot(high, low)] ?? 0) - 1];
  }

  set(path: BytePath, type: PathType): void {
    if (this.#size * 4 >= this.#types.length * 3) this.#grow();
    const [high, low] = this.#hash(path);
    this.#put(high, low, types.indexOf(type) + 1);
  }

  #put(high: number, low: number, type: number): void {
    const slot = this.#slot(high, low);
    if (this.#types[slot] === 0) this.#size++;
    this.#hashes[2 * slot] = high;
    this.#hashes[2 * slot + 1] = low;
    this.#types[slot] = type;
  }

  /** Where a hash is, or would be. */
  #slot(high: number, low: number): number {
    const mask = this.#types.length - 1;
    let slot = low & mask;
    while (
      this.#types[slot] !== 0 &&
      (this.#hashes[2 * slot] !== high || this.#hashes[2 * slot + 1] !== low)
    )
      slot = (slot + 1) & mask;
    return slot;
  }

  #grow(): void {
    const [hashes, known] = [this.#hashes, this.#types];
    this.#hashes = new Uint32Array(2 * hashes.length);
    this.#types = new Uint8Array(2 * known.length);
    this.#size = 0;
    for (const [slot, type] of known.entries())
      if (type !== 0) this.#put(hashes[2 * slot] ?? 0, hashes[2 * slot + 1] ?? 0, type);
  }

  /** Two mixes of 32 bits, each begun and ended with a secret. */
  #hash(path: BytePath): readonly [high: number, low: number] {
    let high = this.#seeds[0] ?? 0;
    let low = this.#seeds[1] ?? 0;
    for (let index = 0; index < path.length; index++) {
      const byte = path.charCodeAt(index);
      high = Math.imul(high ^ byte, 0x85ebca6b);
      high ^= high >>> 15;
      low = Math.imul(low ^ byte, 0xc2b2ae35);
      low ^= low >>> 13;
    }
    return [finish(high ^ low), finish(low + Math.imul(high, 0x9e3779b1))];
  }
}

function finish(hash: number): number {
  let mixed = Math.imul(hash ^ (hash >>> 16), 0x7feb352d);
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x846ca68b);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}
