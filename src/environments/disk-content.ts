import { closeSync, constants, ftruncateSync, openSync } from "node:fs";
import { join } from "node:path";
import { openTemporary } from "../platform/descriptor-path.ts";
import { namingNoSpace } from "../platform/files.ts";
import { writeFullySync } from "../platform/write-fully.ts";

/** The format, shared with what writes it. */
export const diskContentFormat = { blockBytes: 4096, headerBytes: 16, magic: 0x70797264 } as const;

const { blockBytes, headerBytes, magic } = diskContentFormat;

/**
 * What a mostly empty disk holds, kept as its few non-zero blocks: writing those into a sparse file makes
 * a copy of the disk in about a millisecond.
 *
 * Layout: magic, block count, disk size (64 bits); each block's offset (64 bits); then the blocks.
 */
export class DiskContent {
  readonly #bytes: Buffer;
  readonly #blockCount: number;

  private constructor(bytes: Buffer) {
    this.#bytes = bytes;
    this.#blockCount = bytes.readUInt32LE(4);
  }

  /** The content in `bytes`, or undefined when that is something else or cut short. */
  static decode(bytes: Buffer): DiskContent | undefined {
    const whole =
      bytes.length >= headerBytes &&
      bytes.readUInt32LE(0) === magic &&
      bytes.length === headerBytes + bytes.readUInt32LE(4) * (8 + blockBytes);
    return whole ? new DiskContent(bytes) : undefined;
  }

  encode(): Buffer {
    return this.#bytes;
  }

  /** Writes the content into an open, empty file. */
  writeTo(fd: number): void {
    ftruncateSync(fd, Number(this.#bytes.readBigUInt64LE(8)));
    const blocksAt = headerBytes + this.#blockCount * 8;
    for (const run of this.#runs()) {
      const at = blocksAt + run.first * blockBytes;
      writeFullySync(fd, this.#bytes.subarray(at, at + run.length * blockBytes), run.offset);
    }
  }

  /** An open copy without a name, gone when the descriptor is closed. */
  createUnnamed(directory: string): number {
    const open = () => openSync(directory, constants.O_RDWR | openTemporary, 0o600);
    return this.#create(join(directory, "disk"), open);
  }

  /** An open copy at `path`, which must not exist. */
  createAt(path: string): number {
    return this.#create(path, () => openSync(path, "wx+", 0o600));
  }

  #create(path: string, open: () => number): number {
    let fd: number | undefined;
    try {
      fd = open();
      this.writeTo(fd);
      return fd;
    } catch (error) {
      if (fd !== undefined) closeSync(fd);
      throw namingNoSpace(error, path);
    }
  }

  /** Neighbouring blocks as one write. */
  *#runs(): Generator<{ first: number; length: number; offset: number }> {
    const offsetOf = (index: number) =>
      Number(this.#bytes.readBigUInt64LE(headerBytes + index * 8));
    for (let first = 0; first < this.#blockCount; ) {
      let length = 1;
      while (
        first + length < this.#blockCount &&
        offsetOf(first + length) === offsetOf(first) + length * blockBytes
      )
        length++;
      yield { first, length, offset: offsetOf(first) };
      first += length;
    }
  }
}
