import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { displayPath } from "../model/byte-path.ts";
import { PyroError, systemErrorCode } from "../model/errors.ts";
import type { BytePath } from "../model/tree.ts";
import { ContentPackReader } from "./content-pack.ts";
import { decodeManifest, type Manifest, manifestDamaged, type StoredEntry } from "./manifest.ts";

export const baselineFiles = { manifest: "manifest.zst", content: "content.pack" } as const;

/** An entry of the tree that a workspace began with; a file's `digest` is always its SHA-256. */
export type BaselineEntry = StoredEntry;

/** What fits well into memory at once. */
const readBytesMax = 64 * 1024 * 1024;

/** The immutable tree that a workspace began with, as the host keeps it. */
export class Baseline {
  /** In the order in which they were recorded: parents before children. */
  readonly entries: ReadonlyMap<BytePath, BaselineEntry>;
  /** Sum of all files' sizes. */
  readonly bytes: number;
  readonly #pack: ContentPackReader;

  constructor(manifest: Manifest, packPath: string) {
    this.entries = new Map(manifest.entries.map((entry) => [entry.path, entry]));
    this.bytes = manifest.entries.reduce((sum, { size }) => sum + size, 0);
    this.#pack = new ContentPackReader(packPath, manifest.frameSizes);
  }

  /** The baseline that a BaselineWriter finished in `directory`. */
  static async open(directory: string): Promise<Baseline> {
    const file = await readManifest(join(directory, baselineFiles.manifest));
    return new Baseline(await decodeManifest(file), join(directory, baselineFiles.content));
  }

  get entryCount(): number {
    return this.entries.size;
  }

  /** A file's whole content; refuses more than `bytesMax`, 64 MiB by default. A hard link has that of its target. */
  async read(entry: BaselineEntry, bytesMax = readBytesMax): Promise<Buffer> {
    const file = this.#file(entry);
    if (file.size > bytesMax)
      throw new PyroError(
        "invalid_argument",
        `${displayPath(entry.path)} has ${file.size} bytes; ${bytesMax} are read at once.`,
      );
    return Buffer.concat(await Array.fromAsync(this.stream(file)));
  }

  /** A file's content in pieces. Only once it ended is it known to be what was recorded: else it throws at the end. */
  async *stream(entry: BaselineEntry): AsyncGenerator<Buffer> {
    const { path, offset, size, digest } = this.#file(entry);
    const hash = createHash("sha256");
    for await (const piece of this.#pack.read(offset, size)) {
      hash.update(piece);
      yield piece;
    }
    if (hash.digest("hex") === digest) return;
    throw new PyroError(
      "snapshot_damaged",
      `The stored content of ${displayPath(path)} is not what was recorded.`,
    );
  }

  #file(entry: BaselineEntry): BaselineEntry {
    const file = entry.type === "hardlink" ? this.entries.get(entry.target) : entry;
    if (file?.type === "file") return file;
    throw new PyroError("invalid_argument", `${displayPath(entry.path)} is no file.`);
  }
}

/** The baseline of a workspace that began with nothing. */
export function emptyBaseline(): Baseline {
  return new Baseline({ entries: [], frameSizes: new Uint32Array(0) }, "/dev/null");
}

async function readManifest(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (error) {
    const code = systemErrorCode(error);
    if (code === undefined) throw error;
    throw manifestDamaged(`it cannot be read: ${code}`, error);
  }
}
