import {
  type BigIntStats,
  closeSync,
  constants,
  fstatSync,
  openSync,
  read,
  readSync,
} from "node:fs";
import { basename } from "node:path";
import { pipeline } from "node:stream/promises";
import { promisify } from "node:util";
import { createGunzip } from "node:zlib";
import { displayPath } from "../model/byte-path.ts";
import { PyroError, systemErrorCode } from "../model/errors.ts";
import { visibleText } from "../model/text.ts";

/** What an archive may hold, once unpacked. */
export const archiveLimits = {
  entriesMax: 2_000_000,
  bytesMax: 64 * 1024 ** 3,
  nameBytesMax: 256 * 1024 * 1024,
  /** From this size on, more than `ratioMax` bytes out of one byte are taken for a bomb. */
  ratioFromBytes: 256 * 1024 * 1024,
  ratioMax: 200,
} as const;

const readSome = promisify(read);
const chunkBytes = 256 * 1024;
const gzipMagic = Buffer.from([0x1f, 0x8b]);

/** Whether `path` is named like an archive that can be read. */
export function isArchiveName(path: string): boolean {
  return /\.(tar|tar\.gz|tgz)$/i.test(path);
}

/** An archive file, open; the same bytes can be read more than once. */
export class ArchiveSource implements Disposable {
  readonly #path: string;
  readonly #fd: number;
  readonly #stats: BigIntStats;
  readonly #isGzip: boolean;

  constructor(path: string) {
    this.#path = path;
    this.#fd = openArchive(path);
    this.#stats = fstatSync(this.#fd, { bigint: true });
    try {
      this.#isGzip = this.#recognize();
    } catch (error) {
      closeSync(this.#fd);
      throw error;
    }
  }

  /** For entries that the archive implies without a time of their own. */
  get mtimeNs(): bigint {
    return this.#stats.mtimeNs;
  }

  /** The tar stream, from its beginning. */
  async *read(): AsyncGenerator<Buffer> {
    try {
      yield* this.#isGzip ? this.#unpacked() : this.#stored();
    } catch (error) {
      if (error instanceof PyroError) throw error;
      throw this.refused(`it is damaged: ${visibleText(String(error))}`, error);
    }
  }

  /** Throws when somebody wrote to the file since it was opened. */
  requireUnchanged(): void {
    const now = fstatSync(this.#fd, { bigint: true });
    if (now.size !== this.#stats.size || now.ctimeNs !== this.#stats.ctimeNs)
      throw new PyroError("seed_source_unusable", `${this.#path} changed while it was read.`);
  }

  refused(rule: string, cause?: unknown): PyroError {
    return new PyroError("archive_refused", `${basename(this.#path)} is refused: ${rule}.`, {
      cause,
    });
  }

  refusedEntry(entry: string, rule: string): PyroError {
    return this.refused(`of the entry ${displayPath(entry)}, ${rule}`);
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd);
  }

  /** Whether the content is gzip; refuses a content that is not what the name says. */
  #recognize(): boolean {
    if (!this.#stats.isFile()) throw this.refused("it is no regular file");
    const start = Buffer.alloc(512);
    const length = this.#readStart(start);
    const isGzip = start.subarray(0, 2).equals(gzipMagic);
    const isTar =
      length === 512 && (start.toString("latin1", 257, 262) === "ustar" || !start.some(Boolean));
    if (/gz$/i.test(this.#path) ? isGzip : isTar) return isGzip;
    throw this.refused(`its content is not what a name like ${basename(this.#path)} stands for`);
  }

  #readStart(buffer: Buffer): number {
    try {
      return readSync(this.#fd, buffer, 0, buffer.length, 0);
    } catch (error) {
      throw unreadable(this.#path, error);
    }
  }

  async *#stored(): AsyncGenerator<Buffer> {
    for (let at = 0; ; ) {
      const buffer = Buffer.allocUnsafeSlow(chunkBytes);
      const { bytesRead } = await readSome(this.#fd, buffer, 0, chunkBytes, at).catch(
        (error: unknown) => {
          throw unreadable(this.#path, error);
        },
      );
      if (bytesRead === 0) return;
      at += bytesRead;
      yield buffer.subarray(0, bytesRead);
    }
  }

  async *#unpacked(): AsyncGenerator<Buffer> {
    const gunzip = createGunzip({ chunkSize: chunkBytes });
    const feeding = pipeline(this.#stored(), gunzip);
    // Its failure ends the loop below too.
    feeding.catch(() => undefined);
    try {
      let bytes = 0;
      for await (const chunk of gunzip as AsyncIterable<Buffer>) {
        bytes += chunk.length;
        this.#checkBomb(bytes, bytes / Math.max(gunzip.bytesWritten, 1));
        yield chunk;
      }
      await feeding;
    } finally {
      gunzip.destroy();
      // Nothing may read from the descriptor any more once this ends.
      await feeding.catch(() => undefined);
    }
  }

  #checkBomb(bytes: number, ratio: number): void {
    if (bytes > archiveLimits.ratioFromBytes && ratio > archiveLimits.ratioMax)
      throw this.refused(`it unpacks to ${Math.floor(ratio)} times its size`);
    if (bytes > archiveLimits.bytesMax) throw this.refused("it unpacks to more than 64 GiB");
  }
}

function openArchive(path: string): number {
  try {
    return openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    throw unreadable(path, error);
  }
}

/** The failure of the host to give us the file; anything else is a mistake of ours and stays as it is. */
function unreadable(path: string, error: unknown): unknown {
  const code = systemErrorCode(error);
  if (code === undefined) return error;
  return new PyroError("seed_source_unusable", `${path} cannot be read: ${code}.`, {
    cause: error,
  });
}
