import { createHash } from "node:crypto";
import { chmod, chown, mkdir, readdir, rename, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import {
  flush,
  isAbandoned,
  readJsonFile,
  removeAbandoned,
  temporaryNeighbour,
  writeFileAtomically,
} from "../platform/files.ts";
import { isLockFile, type Lock, tryLock } from "../platform/lock.ts";
import { removeTree } from "../platform/remove-tree.ts";

/** Everything that makes saved state unusable when it changes. */
export interface TemplateKeyParts {
  readonly imageId: string;
  readonly bootDigest: string;
  readonly driverFingerprint: string;
  readonly protocol: number;
  readonly vcpuCount: number;
  readonly memMib: number;
  readonly blankDiskVersion: number;
  /** Whether the machine had its own new disk mounted when it was saved, or waits for one that exists. */
  readonly disk: "new" | "existing";
}

/** A saved machine, ready to be resumed. */
export interface Template {
  readonly memoryPath: string;
  readonly statePath: string;
  /** What the mounted disk held at that moment; every machine resumed from this template gets a copy of exactly that. */
  readonly diskContentPath: string;
}

/** A template being made. */
export interface TemplateDraft extends Template, AsyncDisposable {
  /** Makes it visible to everybody. */
  publish(): Promise<void>;
}

/** How a file looked when the template was published; any write since then changes it. */
interface FileFingerprint {
  readonly ino: string;
  readonly size: string;
  readonly mtimeNs: string;
  readonly ctimeNs: string;
}

interface TemplateRecord {
  readonly parts: TemplateKeyParts;
  readonly memory: FileFingerprint;
  readonly state: FileFingerprint;
  /** Absent when no disk was mounted. */
  readonly diskContent?: FileFingerprint;
}

/** Saved machines in the cache directory, one directory a key. */
export class TemplateStore {
  readonly #root: string;

  constructor(cacheDirectory: string) {
    this.#root = join(cacheDirectory, "templates");
  }

  /** The template for `parts` if it is there and untouched; a damaged one is removed. */
  async find(parts: TemplateKeyParts): Promise<Template | undefined> {
    const directory = this.#directory(parts);
    const record = (await readJsonFile(join(directory, "template.json"))) as
      | TemplateRecord
      | undefined;
    if (record === undefined) return undefined;
    const files = filesOf(directory);
    // The change time, which nobody can set back, tells whether anything ever wrote to them.
    const intact =
      (await isSealed(files.memoryPath)) &&
      (await matches(files.memoryPath, record.memory)) &&
      (await matches(files.statePath, record.state)) &&
      (parts.disk === "existing" || (await matches(files.diskContentPath, record.diskContent)));
    if (intact) return files;
    await this.remove(parts);
    return undefined;
  }

  async remove(parts: TemplateKeyParts): Promise<void> {
    await removeTree(this.#directory(parts));
  }

  /** The right to make the template, or undefined when another process is making it. */
  async tryClaim(parts: TemplateKeyParts): Promise<Lock | undefined> {
    await mkdir(this.#root, { recursive: true, mode: 0o700 });
    return tryLock(`${this.#directory(parts)}.lock`);
  }

  async draft(parts: TemplateKeyParts): Promise<TemplateDraft> {
    const directory = temporaryNeighbour(this.#directory(parts));
    await mkdir(directory, { recursive: true, mode: 0o700 });
    await removeAbandoned(this.#root);
    const files = filesOf(directory);
    return {
      ...files,
      publish: async () => {
        await flush(files.memoryPath, files.statePath);
        await sealMemory(files.memoryPath);
        const record: TemplateRecord = {
          parts,
          memory: await fingerprint(files.memoryPath),
          state: await fingerprint(files.statePath),
          ...(parts.disk === "new" && { diskContent: await fingerprint(files.diskContentPath) }),
        };
        await writeFileAtomically(join(directory, "template.json"), JSON.stringify(record));
        await this.remove(parts);
        await rename(directory, this.#directory(parts));
      },
      [Symbol.asyncDispose]: () => removeTree(directory),
    };
  }

  /** Removes templates that nothing can use any more; `isCurrent` decides. Returns how many went. */
  async sweep(isCurrent: (parts: TemplateKeyParts) => boolean): Promise<number> {
    const entries = await readdir(this.#root).catch(() => []);
    let removed = 0;
    for (const name of entries.filter((entry) => !isLockFile(entry))) {
      const record = (await readJsonFile(join(this.#root, name, "template.json"))) as
        | TemplateRecord
        | undefined;
      if (
        name.endsWith(".partial")
          ? !isAbandoned(name)
          : record !== undefined && isCurrent(record.parts)
      )
        continue;
      await removeTree(join(this.#root, name));
      removed++;
    }
    return removed;
  }

  #directory(parts: TemplateKeyParts): string {
    return join(this.#root, templateName(parts));
  }
}

/** A file name that no other template has. */
export function templateName(parts: TemplateKeyParts): string {
  // By code units: the order of a language costs a process 10 ms, which load the rules of all.
  const sorted = Object.entries(parts).sort(([a], [b]) => (a < b ? -1 : 1));
  const key = createHash("sha256").update(JSON.stringify(sorted)).digest("hex");
  return key.slice(0, 32);
}

function filesOf(directory: string): Template {
  return {
    memoryPath: join(directory, "memory"),
    statePath: join(directory, "state"),
    diskContentPath: join(directory, "disk.bin"),
  };
}

/**
 * Every machine of the template maps its memory: from now on nobody may write it, and it belongs to us and not to the
 * identity of monitors, which could give itself leave to.
 */
async function sealMemory(path: string): Promise<void> {
  const { uid, gid } = await stat(dirname(path));
  await chown(path, uid, gid);
  await chmod(path, 0o444);
}

async function isSealed(path: string): Promise<boolean> {
  const [file, directory] = await Promise.all([
    stat(path).catch(() => undefined),
    stat(dirname(path)).catch(() => undefined),
  ]);
  if (file === undefined || directory === undefined) return false;
  return (file.mode & 0o222) === 0 && file.uid === directory.uid;
}

async function fingerprint(path: string): Promise<FileFingerprint> {
  const { ino, size, mtimeNs, ctimeNs } = await stat(path, { bigint: true });
  return {
    ino: String(ino),
    size: String(size),
    mtimeNs: String(mtimeNs),
    ctimeNs: String(ctimeNs),
  };
}

async function matches(path: string, expected: FileFingerprint | undefined): Promise<boolean> {
  const found = await fingerprint(path).catch(() => undefined);
  return found !== undefined && JSON.stringify(found) === JSON.stringify(expected);
}
