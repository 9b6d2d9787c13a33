import { readFile, rename, rm, stat } from "node:fs/promises";
import { systemErrorCode } from "../../model/errors.ts";
import { ensurePrivateDirectory } from "../../platform/directories.ts";
import { flush, inside } from "../../platform/files.ts";
import { acquireLock } from "../../platform/lock.ts";
import { type Digest, digestHex } from "./digest.ts";
import { type BlobProgress, type BlobSource, downloadBlob } from "./download-blob.ts";
import { hashFile } from "./hash-file.ts";

/** A blob as a document promised it. */
export interface WantedBlob {
  readonly digest: Digest;
  readonly sizeBytes: number;
}

/** A day: the other process may be downloading a large layer, and its death frees the lock at once. */
const lockTimeoutMs = 24 * 60 * 60_000;

/**
 * Blobs by digest in `<cache>/blobs/sha256/<hex>`. A file with that name is complete and had that
 * digest when it was renamed; `<hex>.partial` is a download that a later one resumes.
 */
export class BlobStore {
  readonly #blobsDirectory: string;
  readonly #locksDirectory: string;

  constructor(cacheDirectory: string) {
    const root = inside(cacheDirectory, "blobs");
    this.#blobsDirectory = inside(root, "sha256");
    // Apart from the blobs: lock files stay, since removing one would split its holders.
    this.#locksDirectory = inside(root, "locks");
    for (const path of [cacheDirectory, root, this.#blobsDirectory, this.#locksDirectory])
      ensurePrivateDirectory(path);
  }

  /** Where the blob is, or would be. */
  path(digest: Digest): string {
    return inside(this.#blobsDirectory, digestHex(digest));
  }

  /** Bytes already here: all of a complete blob, the kept part of an unfinished one. */
  async keptBytes({ digest, sizeBytes }: WantedBlob): Promise<number> {
    if ((await fileSize(this.path(digest))) === sizeBytes) return sizeBytes;
    return Math.min((await fileSize(partialPath(this.path(digest)))) ?? 0, sizeBytes);
  }

  /** Whether the stored bytes are the promised ones, by size and digest. */
  async verify({ digest, sizeBytes }: WantedBlob, signal?: AbortSignal): Promise<boolean> {
    const path = this.path(digest);
    if ((await fileSize(path)) !== sizeBytes) return false;
    return (await hashFile(path, signal)).digest("hex") === digestHex(digest);
  }

  /** Makes sure the blob is here and verified, downloading what is missing; returns its path. */
  async fetch(wanted: WantedBlob, source: BlobSource, progress: BlobProgress): Promise<string> {
    const path = this.path(wanted.digest);
    if (!(await this.verify(wanted, source.signal))) await this.#download(wanted, source, progress);
    progress.onBytes(wanted.sizeBytes);
    return path;
  }

  async read(digest: Digest): Promise<Buffer> {
    return await readFile(this.path(digest));
  }

  async #download(wanted: WantedBlob, source: BlobSource, progress: BlobProgress): Promise<void> {
    const path = this.path(wanted.digest);
    const lockPath = inside(this.#locksDirectory, digestHex(wanted.digest));
    using _lock = await acquireLock(lockPath, {
      timeoutMs: lockTimeoutMs,
      signal: source.signal,
      onWait: progress.onWait,
    });
    // Whoever held the lock may have finished the same blob.
    if (await this.verify(wanted, source.signal)) return;
    await rm(path, { force: true });
    await downloadBlob(wanted, partialPath(path), source, progress);
    await flush(partialPath(path));
    await rename(partialPath(path), path);
  }
}

function partialPath(path: string): string {
  return `${path}.partial`;
}

async function fileSize(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if (systemErrorCode(error) === "ENOENT") return undefined;
    throw error;
  }
}
