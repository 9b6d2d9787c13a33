import { createHash } from "node:crypto";
import { mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { asPyroError, PyroError } from "../model/errors.ts";
import { readJsonFile, removeAbandoned, writeFileAtomically } from "../platform/files.ts";
import { runTool } from "../platform/tools.ts";
import { ChunkStore } from "./chunk-store.ts";
import { type CaptureSource, captureImage, type DiskImage, restoreImage } from "./disk-image.ts";

const attemptMax = 5;

interface StoredImage {
  readonly image: DiskImage;
  /** Of the image's JSON. */
  readonly digest: string;
}

/** The snapshots of one workspace's disk: small lists of chunks they share. */
export class DiskSnapshots {
  readonly #directory: string;
  readonly #chunks: ChunkStore;

  constructor(directory: string) {
    this.#directory = directory;
    this.#chunks = new ChunkStore(join(directory, "chunks"));
  }

  /** Stores the disk at `path`, which nobody may write to meanwhile; answers the room that took. */
  async capture(name: string, path: string, diskBytes: number): Promise<number> {
    await mkdir(this.#directory, { recursive: true, mode: 0o700 });
    const { digests: sound } = await this.#listedChunks();
    const { image, storedBytes } = await this.#captureStill({ path, diskBytes, sound });
    // The list must never be on the disk before what it lists.
    await runTool("sync", ["--file-system", this.#directory], { packageName: "coreutils" });
    const stored: StoredImage = { image, digest: digestOf(image) };
    await writeFileAtomically(this.#path(name), JSON.stringify(stored), 0o400);
    return storedBytes;
  }

  /** Writes the disk of a snapshot to `path`, which must not exist. Throws `snapshot_damaged`. */
  async restore(name: string, path: string): Promise<void> {
    await restoreImage(this.#chunks, await this.#read(name), path);
  }

  /** Removes a snapshot and the chunks no other one needs. */
  async remove(name: string): Promise<void> {
    await rm(this.#path(name), { force: true });
    await this.sweep();
  }

  /** Removes chunks that belong to no snapshot; none while a list is damaged, because nobody knows what it needs. */
  async sweep(): Promise<void> {
    const { digests, isComplete } = await this.#listedChunks();
    if (isComplete) await this.#chunks.sweep(digests);
  }

  /** The chunks of all lists that can be read: whatever they name was on the disk before them. */
  async #listedChunks(): Promise<{ digests: Set<string>; isComplete: boolean }> {
    const digests = new Set<string>();
    let isComplete = true;
    for (const name of await this.list()) {
      const image = await this.#find(name);
      if (image === undefined) isComplete = false;
      for (const [, , digest] of image?.chunks ?? []) digests.add(digest);
    }
    return { digests, isComplete };
  }

  /** Removes what killed processes left half-made; may run beside anything. */
  async tidy(): Promise<void> {
    await removeAbandoned(this.#directory);
    await this.#chunks.tidy();
  }

  async list(): Promise<string[]> {
    const names = await readdir(this.#directory).catch(() => []);
    return names
      .filter((name) => name.endsWith(suffix))
      .map((name) => name.slice(0, -suffix.length));
  }

  /** A guest that holds still may yet give free blocks back; what was read before is stored already, so that another look costs little. */
  async #captureStill(source: CaptureSource): Promise<{ image: DiskImage; storedBytes: number }> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await captureImage(this.#chunks, source);
      } catch (error) {
        const isRestless = /file changed as we read it/.test(asPyroError(error).message);
        if (!isRestless || attempt === attemptMax) throw error;
      }
    }
  }

  async #read(name: string): Promise<DiskImage> {
    const image = await this.#find(name);
    if (image !== undefined) return image;
    throw new PyroError("snapshot_damaged", `The snapshot "${name}" is damaged or missing.`, {
      hint: "Use another snapshot; the baseline is one.",
    });
  }

  /** The list of a snapshot's chunks, unless it is damaged or missing. */
  async #find(name: string): Promise<DiskImage | undefined> {
    const stored = (await readJsonFile(this.#path(name))) as StoredImage | undefined;
    const isSound = stored?.image !== undefined && digestOf(stored.image) === stored.digest;
    return isSound ? stored.image : undefined;
  }

  #path(name: string): string {
    return join(this.#directory, `${name}${suffix}`);
  }
}

const suffix = ".image.json";

function digestOf(image: DiskImage): string {
  return createHash("sha256").update(JSON.stringify(image)).digest("hex");
}
