import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readdir, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { defaults } from "../model/limits.ts";
import type { CpuLevel } from "../model/machine-options.ts";
import {
  flush,
  isAbandoned,
  readJsonFile,
  removeAbandoned,
  temporaryNeighbour,
  writeFileAtomically,
} from "../platform/files.ts";
import { tryLock } from "../platform/lock.ts";
import { removeTree } from "../platform/remove-tree.ts";

/** What an image asks of the commands that run in it. */
export interface ImageConfig {
  /** `NAME=value`. */
  readonly env: readonly string[];
  readonly workingDirectory: string | undefined;
  readonly user: string | undefined;
  /** Recorded, never run: pyro runs the caller's command. */
  readonly entrypoint: readonly string[] | undefined;
  readonly command: readonly string[] | undefined;
}

/** Where an image came from. */
export type ImageSource =
  | {
      readonly kind: "debian";
      readonly suite: string;
      /** Of the catalog's entry at that time; absent before recipes were recorded. */
      readonly recipe?: string;
    }
  | { readonly kind: "oci"; readonly reference: string; readonly manifestDigest: string };

/** One installed environment. */
export interface InstalledImage {
  /** 64 hex digits; names the directory. */
  readonly id: string;
  readonly environment: string;
  readonly source: ImageSource;
  readonly config: ImageConfig;
  readonly createdAt: string;
  readonly entryCount: number;
  /** Bytes of files in the image. */
  readonly usedBytes: number;
  /** What an emulated guest's CPU must be for its C library; absent in images built before that was looked at. */
  readonly cpu?: CpuLevel;
}

/** A half-made image directory. */
export interface ImageDraft extends AsyncDisposable {
  readonly diskPath: string;
  /** Makes the image the one its environment's name stands for. */
  publish(image: InstalledImage): Promise<void>;
}

const imageFile = "image.json";
const diskFile = "disk.ext4";

/** Installed environments in the cache directory: one directory an image, one small file a name. */
export class ImageStore {
  readonly #images: string;
  readonly #names: string;

  constructor(cacheDirectory: string) {
    this.#images = join(cacheDirectory, "images");
    this.#names = join(cacheDirectory, "environments");
  }

  async prepare(): Promise<void> {
    await mkdir(this.#images, { recursive: true, mode: 0o700 });
    await mkdir(this.#names, { recursive: true, mode: 0o700 });
  }

  diskPath(image: InstalledImage): string {
    return join(this.#images, image.id, diskFile);
  }

  /** Where the lock that serializes installing `environment` is kept. */
  lockPath(environment: string): string {
    return join(this.#names, `${encodeName(environment)}.lock`);
  }

  /** Whether any process is installing an environment right now. */
  async isInstalling(): Promise<boolean> {
    const locks = (await readdir(this.#names).catch(() => [])).filter((name) =>
      name.endsWith(".lock"),
    );
    for (const name of locks) {
      using lock = await tryLock(join(this.#names, name));
      if (lock === undefined) return true;
    }
    return false;
  }

  /** The image that `environment` stands for, or undefined when it is not installed. */
  async find(environment: string): Promise<InstalledImage | undefined> {
    const name = (await readJsonFile(join(this.#names, `${encodeName(environment)}.json`))) as
      | { imageId?: string }
      | undefined;
    return name?.imageId === undefined ? undefined : this.findById(name.imageId);
  }

  /** The image with this id, named or not. */
  async findById(id: string): Promise<InstalledImage | undefined> {
    if (!/^[0-9a-f]{64}$/.test(id)) return undefined;
    const image = (await readJsonFile(join(this.#images, id, imageFile))) as
      | InstalledImage
      | undefined;
    if (image?.id !== id) return undefined;
    // The cache may be deleted at any time, and in part.
    return existsSync(this.diskPath(image)) ? image : undefined;
  }

  /** All installed environments, by name. */
  async list(): Promise<InstalledImage[]> {
    const files = (await readdir(this.#names).catch(() => [])).filter((name) =>
      name.endsWith(".json"),
    );
    const found = await Promise.all(files.map((name) => this.find(decodeName(name.slice(0, -5)))));
    return found
      .filter((image) => image !== undefined)
      .sort((a, b) => a.environment.localeCompare(b.environment));
  }

  /** Bytes an image takes on the host's disk. */
  async diskUsageBytes(image: InstalledImage): Promise<number> {
    return (await stat(this.diskPath(image))).blocks * 512;
  }

  async draft(): Promise<ImageDraft> {
    await this.prepare();
    await removeAbandoned(this.#images);
    const directory = temporaryNeighbour(join(this.#images, "new"));
    await mkdir(directory, { mode: 0o700 });
    return {
      diskPath: join(directory, diskFile),
      publish: async (image) => {
        await flush(join(directory, diskFile));
        await writeFileAtomically(join(directory, imageFile), JSON.stringify(image, undefined, 2));
        const target = join(this.#images, image.id);
        await removeTree(target);
        await rename(directory, target);
        await flush(this.#images);
        await writeFileAtomically(
          join(this.#names, `${encodeName(image.environment)}.json`),
          JSON.stringify({ environment: image.environment, imageId: image.id }),
        );
      },
      [Symbol.asyncDispose]: () => removeTree(directory),
    };
  }

  /** Forgets `environment`; its image goes when nothing else names it. */
  async remove(environment: string): Promise<void> {
    await rm(join(this.#names, `${encodeName(environment)}.json`), { force: true });
  }

  /** Removes images that have no name and are not `used`, and what crashed processes left half-made; returns the ids that went. */
  async sweep(used: ReadonlySet<string> = new Set()): Promise<string[]> {
    const kept = new Set([...(await this.list()).map((image) => image.id), ...used]);
    const entries = await readdir(this.#images).catch(() => []);
    const gone = entries.filter(
      (name) => !kept.has(name) && (isAbandoned(name) || !name.endsWith(".partial")),
    );
    for (const name of gone) await removeTree(join(this.#images, name));
    return gone;
  }
}

/** The CPU of an emulated guest of `image`: the one that was asked for, or else the one that the image needs. */
export function cpuFor(image: InstalledImage, asked: CpuLevel | undefined | null): CpuLevel {
  return asked ?? image.cpu ?? defaults.cpu;
}

/** An id for an image: what it was made from, when, and how. */
export function imageId(parts: readonly string[]): string {
  return createHash("sha256").update(JSON.stringify(parts)).digest("hex");
}

/** A name as one safe file name, and back. */
function encodeName(name: string): string {
  return encodeURIComponent(name).replaceAll("*", "%2A");
}

function decodeName(name: string): string {
  return decodeURIComponent(name);
}
