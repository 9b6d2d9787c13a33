import { type FileHandle, open } from "node:fs/promises";
import { promisify } from "node:util";
import { zstdDecompress } from "node:zlib";
import { PyroError, systemErrorCode } from "../model/errors.ts";
import { namingNoSpace } from "../platform/files.ts";
import { FrameCompressor } from "../platform/frame-compressor.ts";

const decompress = promisify(zstdDecompress);

/** One stretch of all contents; every frame but the last holds so many bytes. */
export const frameBytes = 1024 * 1024;
/** Frames a reader keeps: small files are read in the order they were written. */
const cachedFramesMax = 4;

/** Writes contents one after another into a file of zstd frames that can be read apart. */
export class ContentPackWriter {
  readonly #file: FileHandle;
  readonly #path: string;
  readonly #compressor: FrameCompressor;
  readonly #frameSizes: number[] = [];
  /** One is filled while the other is compressed and written. */
  readonly #frames: [Buffer, Buffer] = [
    Buffer.allocUnsafeSlow(frameBytes),
    Buffer.allocUnsafeSlow(frameBytes),
  ];
  #written: Promise<void> = Promise.resolve();
  #used = 0;
  #position = 0;

  private constructor(file: FileHandle, path: string) {
    this.#file = file;
    this.#path = path;
    this.#compressor = new FrameCompressor();
  }

  /** A new file at `path`, which must not exist. */
  static async create(path: string): Promise<ContentPackWriter> {
    try {
      return new ContentPackWriter(await open(path, "wx", 0o600), path);
    } catch (error) {
      throw namingNoSpace(error, path);
    }
  }

  /** Where the next byte goes, before compression. */
  get position(): number {
    return this.#position;
  }

  async append(bytes: Buffer): Promise<void> {
    for (let at = 0; at < bytes.length; ) {
      const copied = bytes.copy(this.#frames[0], this.#used, at);
      at += copied;
      if (this.#advance(copied)) await this.#nextFrame();
    }
  }

  async appendZeros(bytes: number): Promise<void> {
    for (let left = bytes; left > 0; ) {
      const count = Math.min(left, frameBytes - this.#used);
      this.#frames[0].fill(0, this.#used, this.#used + count);
      left -= count;
      if (this.#advance(count)) await this.#nextFrame();
    }
  }

  /** Flushes everything; returns the compressed size of every frame. */
  async finish(): Promise<readonly number[]> {
    if (this.#used > 0) await this.#nextFrame();
    await this.#written;
    await this.#file.sync();
    await this.close();
    return this.#frameSizes;
  }

  async close(): Promise<void> {
    await this.#written.catch(() => undefined);
    this.#compressor.close();
    await this.#file.close();
  }

  /** Whether the frame is full now. */
  #advance(count: number): boolean {
    this.#used += count;
    this.#position += count;
    return this.#used === frameBytes;
  }

  async #nextFrame(): Promise<void> {
    await this.#written;
    this.#written = this.#write(this.#frames[0].subarray(0, this.#used));
    // Whoever awaits it next sees the failure.
    this.#written.catch(() => undefined);
    this.#frames.reverse();
    this.#used = 0;
  }

  async #write(frame: Buffer): Promise<void> {
    try {
      const pieces = await this.#compressor.compress(frame);
      for (const piece of pieces) await this.#file.appendFile(piece);
      this.#frameSizes.push(pieces.reduce((sum, piece) => sum + piece.length, 0));
    } catch (error) {
      throw namingNoSpace(error, this.#path);
    }
  }
}

/** Reads stretches of a pack by decompressing only the frames they lie in. */
export class ContentPackReader {
  readonly #path: string;
  /** Where each frame begins in the file, and at last the file's end. */
  readonly #starts: Float64Array;
  readonly #frames = new Map<number, Promise<Buffer>>();

  constructor(path: string, frameSizes: Uint32Array) {
    this.#path = path;
    this.#starts = new Float64Array(frameSizes.length + 1);
    for (const [index, size] of frameSizes.entries())
      this.#starts[index + 1] = (this.#starts[index] ?? 0) + size;
  }

  /** The bytes from `offset` on, a part of a frame at a time. */
  async *read(offset: number, bytes: number): AsyncGenerator<Buffer> {
    for (let at = offset; at < offset + bytes; ) {
      const frame = await this.#frame(Math.floor(at / frameBytes));
      const start = at % frameBytes;
      const piece = frame.subarray(start, start + offset + bytes - at);
      if (piece.length === 0) throw packDamaged("it is too short");
      yield piece;
      at += piece.length;
    }
  }

  #frame(index: number): Promise<Buffer> {
    const known = this.#frames.get(index);
    if (known !== undefined) return known;
    const frame = this.#load(index);
    this.#frames.set(index, frame);
    frame.catch(() => this.#frames.delete(index));
    const [oldest] = this.#frames.keys();
    if (this.#frames.size > cachedFramesMax && oldest !== undefined) this.#frames.delete(oldest);
    return frame;
  }

  async #load(index: number): Promise<Buffer> {
    const [start, end] = [this.#starts[index], this.#starts[index + 1]];
    if (start === undefined || end === undefined) throw packDamaged("it has too few frames");
    const bytes = Buffer.allocUnsafeSlow(end - start);
    const length = await this.#readAt(bytes, start);
    if (length < bytes.length) throw packDamaged("it is cut short");
    try {
      return await decompress(bytes, { maxOutputLength: frameBytes, chunkSize: frameBytes });
    } catch (error) {
      throw packDamaged(`frame ${index} does not decompress`, error);
    }
  }

  async #readAt(bytes: Buffer, start: number): Promise<number> {
    try {
      await using file = await open(this.#path, "r");
      return (await file.read(bytes, 0, bytes.length, start)).bytesRead;
    } catch (error) {
      throw packDamaged(`it cannot be read: ${systemErrorCode(error)}`, error);
    }
  }
}

function packDamaged(how: string, cause?: unknown): PyroError {
  return new PyroError("snapshot_damaged", `The stored content is damaged: ${how}.`, { cause });
}
