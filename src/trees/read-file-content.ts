import { type BigIntStats, closeSync, fstatSync, open, read } from "node:fs";
import { promisify } from "node:util";
import type { ContentPiece } from "../model/tree.ts";
import { openFlags } from "../platform/descriptor-path.ts";

// The callback function, because the promise one costs several times as much, and a tree has many files. Opening and
// reading may wait for a disk; looking at and closing what is open does not, and is done at once.
const openFile = promisify(open);

/** A regular file as it was found, open or already read. */
export interface FoundFile {
  readonly stats: BigIntStats;
  readonly content: AsyncIterable<ContentPiece>;
  /** Valid once the content was read. */
  readonly changedWhileRead: () => boolean;
  /** To be called when the content is not wanted, or not to its end. */
  readonly close: () => void;
}

/** Files up to this size are read at once, larger ones in pieces as they are wanted. */
const smallBytes = 64 * 1024;
const pieceBytes = 256 * 1024;
const zeros = Buffer.alloc(pieceBytes);

/** Opens `path` if it still is a regular file, without following a link; undefined when it is something else. */
export async function openRegularFile(path: Buffer): Promise<FoundFile | undefined> {
  const fd = await openFile(path, openFlags.file);
  let keep = false;
  try {
    const stats = statFile(fd);
    if (!stats.isFile()) return undefined;
    if (stats.size <= smallBytes) return await readSmall(fd, stats);
    keep = true;
    return new LargeFile(fd, stats);
  } finally {
    if (!keep) closeSync(fd);
  }
}

async function readSmall(fd: number, stats: BigIntStats): Promise<FoundFile> {
  const buffer = Buffer.allocUnsafeSlow(Number(stats.size));
  const length = await readFully(fd, buffer, 0);
  const changed = isOther(stats, statFile(fd));
  return {
    stats,
    content: smallContent(buffer.subarray(0, length), buffer.length - length),
    changedWhileRead: () => changed,
    close: () => undefined,
  };
}

async function* smallContent(data: Buffer, missing: number): AsyncGenerator<ContentPiece> {
  if (data.length > 0) yield data;
  if (missing > 0) yield { holeBytes: missing };
}

/** Keeps the file open until its content was read or given up. */
class LargeFile implements FoundFile {
  readonly stats: BigIntStats;
  readonly content: AsyncIterable<ContentPiece>;
  readonly #fd: number;
  readonly #isSparse: boolean;
  #open = true;
  #changed = false;

  constructor(fd: number, stats: BigIntStats) {
    this.#fd = fd;
    this.stats = stats;
    this.#isSparse = stats.blocks * 512n < stats.size;
    this.content = this.#read();
  }

  readonly changedWhileRead = (): boolean => this.#changed;

  readonly close = (): void => {
    if (!this.#open) return;
    this.#open = false;
    closeSync(this.#fd);
  };

  async *#read(): AsyncGenerator<ContentPiece> {
    try {
      const size = Number(this.stats.size);
      for (let at = 0; at < size; ) {
        const buffer = Buffer.allocUnsafeSlow(Math.min(pieceBytes, size - at));
        const length = await readFully(this.#fd, buffer, at);
        if (length > 0) yield this.#pieceOf(buffer.subarray(0, length));
        at += length;
        if (length === buffer.length) continue;
        // The file shrank; its promised size is kept with a hole.
        yield { holeBytes: size - at };
        break;
      }
      this.#changed ||= isOther(this.stats, statFile(this.#fd));
    } finally {
      this.close();
    }
  }

  /**
   * In a file with holes, zeros are taken for one. Reading a hole costs less than the digest of its zeros, so that it is not worth
   * trusting a file system's word on where they are.
   */
  #pieceOf(data: Buffer): ContentPiece {
    const isHole = this.#isSparse && data.equals(zeros.subarray(0, data.length));
    return isHole ? { holeBytes: data.length } : data;
  }
}

async function readFully(fd: number, buffer: Buffer, position: number): Promise<number> {
  let length = 0;
  while (length < buffer.length) {
    const count = await readSome(fd, buffer.subarray(length), position + length);
    if (count === 0) break;
    length += count;
  }
  return length;
}

function readSome(fd: number, buffer: Buffer, position: number): Promise<number> {
  return new Promise((resolve, reject) => {
    read(fd, buffer, 0, buffer.length, position, (error, count) => {
      if (error) reject(error);
      else resolve(count);
    });
  });
}

function statFile(fd: number): BigIntStats {
  return fstatSync(fd, { bigint: true });
}

function isOther(before: BigIntStats, after: BigIntStats): boolean {
  return (
    before.size !== after.size ||
    before.mtimeNs !== after.mtimeNs ||
    before.ctimeNs !== after.ctimeNs
  );
}
