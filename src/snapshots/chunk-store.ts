import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { zstdDecompress } from "node:zlib";
import { PyroError } from "../model/errors.ts";
import { fillFileAtomically, removeAbandoned } from "../platform/files.ts";
import type { FrameCompressor } from "../platform/frame-compressor.ts";

const decompress = promisify(zstdDecompress);

/** Immutable pieces of disks, each stored once under the digest of its content. */
export class ChunkStore {
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
  }

  /**
   * Keeps `data`, one after the other; answers its digest and how many bytes that took. Only chunks in `sound` are taken for what
   * their name says: others may have been cut off with the host's power. What is kept joins them.
   */
  async put(
    data: Buffer,
    { compressor, sound }: { readonly compressor: FrameCompressor; readonly sound: Set<string> },
  ): Promise<{ digest: string; storedBytes: number }> {
    const digest = createHash("sha256").update(data).digest("hex");
    const path = join(this.#directory, digest);
    if (sound.has(digest) && existsSync(path)) return { digest, storedBytes: 0 };
    const packed = await compressor.compress(data);
    await this.#write(path, packed);
    sound.add(digest);
    return { digest, storedBytes: packed.reduce((sum, piece) => sum + piece.length, 0) };
  }

  /** The content with this digest, checked; `sizeMax` bounds what it may unpack to. */
  async get(digest: string, sizeMax: number): Promise<Buffer> {
    const path = join(this.#directory, digest);
    try {
      const data = await decompress(await readFile(path), { maxOutputLength: sizeMax });
      if (createHash("sha256").update(data).digest("hex") === digest) return data;
    } catch (error) {
      throw damaged(path, error);
    }
    throw damaged(path, undefined);
  }

  /** Removes every chunk that is not in `kept`. */
  async sweep(kept: ReadonlySet<string>): Promise<void> {
    for (const name of await readdir(this.#directory).catch(() => []))
      if (!name.endsWith(".partial") && !kept.has(name))
        await rm(join(this.#directory, name), { force: true });
  }

  /** Removes what killed processes left half-made. */
  tidy(): Promise<void> {
    return removeAbandoned(this.#directory);
  }

  /** Room a chunk takes on the host. */
  async storedBytes(digest: string): Promise<number> {
    return (await stat(join(this.#directory, digest))).size;
  }

  /** Chunks are flushed all at once, by whoever publishes the list of them. */
  async #write(path: string, packed: readonly Buffer[]): Promise<void> {
    await mkdir(this.#directory, { recursive: true, mode: 0o700 });
    await fillFileAtomically(path, 0o400, async (file) => {
      for (const piece of packed) await file.appendFile(piece);
    });
  }
}

function damaged(path: string, cause: unknown): PyroError {
  return new PyroError("snapshot_damaged", `The stored chunk ${path} is not what was stored.`, {
    hint: "The host's disk lost or changed it; use another snapshot.",
    cause,
  });
}
