import { existsSync } from "node:fs";
import { mkdir, readdir, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { diskBytes } from "../../environments/blank-disk.ts";
import { PyroError } from "../../model/errors.ts";
import { removeAbandoned, temporaryNeighbour } from "../../platform/files.ts";
import { removeTree } from "../../platform/remove-tree.ts";
import { runTool } from "../../platform/tools.ts";
import { DiskSnapshots } from "../../snapshots/disk-snapshots.ts";
import type { WorkspaceFiles } from "./workspace-files.ts";

/** What a workspace's files live on, and its snapshots. Nobody may write to it during any of these. */
export interface WorkspaceStorage {
  /** Keeps what is there now under a name; answers the room that took on the host. */
  capture(name: string): Promise<number>;
  /** Prepares what was kept under a name to become the workspace's, beside what it has. */
  prepare(name: string): Promise<void>;
  /** Puts what was prepared in place of what is there; done already is done. With nothing prepared, nothing is left. */
  switch(isPrepared: boolean): Promise<void>;
  remove(name: string): Promise<void>;
  /** The names under which anything is kept. */
  list(): Promise<string[]>;
  /** Removes what killed processes left half-made; may run beside anything. */
  tidy(): Promise<void>;
}

/** The disk of a virtual machine, stored as chunks that its snapshots share. */
export class DiskStorage implements WorkspaceStorage {
  readonly #files: WorkspaceFiles;
  readonly #snapshots: DiskSnapshots;

  constructor(files: WorkspaceFiles) {
    this.#files = files;
    this.#snapshots = new DiskSnapshots(files.snapshotsDirectory);
  }

  capture(name: string): Promise<number> {
    return this.#snapshots.capture(name, this.#files.diskPath, diskBytes);
  }

  async prepare(name: string): Promise<void> {
    await rm(this.#files.nextDiskPath, { force: true });
    await this.#snapshots.restore(name, this.#files.nextDiskPath);
  }

  async switch(isPrepared: boolean): Promise<void> {
    const { diskPath, nextDiskPath } = this.#files;
    // A machine without a disk gets a new one.
    if (!isPrepared) await rm(diskPath, { force: true });
    else if (existsSync(nextDiskPath)) await rename(nextDiskPath, diskPath);
  }

  remove(name: string): Promise<void> {
    return this.#snapshots.remove(name);
  }

  list(): Promise<string[]> {
    return this.#snapshots.list();
  }

  tidy(): Promise<void> {
    return this.#snapshots.tidy();
  }
}

const suffix = ".tree";

/** A directory of the host, for workspaces without isolation; a snapshot is a copy. */
export class DirectoryStorage implements WorkspaceStorage {
  readonly #files: WorkspaceFiles;

  constructor(files: WorkspaceFiles) {
    this.#files = files;
  }

  async capture(name: string): Promise<number> {
    const { snapshotsDirectory, rootDirectory } = this.#files;
    await mkdir(snapshotsDirectory, { recursive: true, mode: 0o700 });
    const target = this.#path(name);
    const temporary = temporaryNeighbour(target);
    await copyTree(rootDirectory, temporary);
    await rename(temporary, target);
    return sizeOf(target);
  }

  async prepare(name: string): Promise<void> {
    if (!existsSync(this.#path(name)))
      throw new PyroError("snapshot_damaged", `The snapshot "${name}" is missing.`, {
        hint: "Use another snapshot; the baseline is one.",
      });
    await removeTree(this.#files.nextDiskPath);
    await copyTree(this.#path(name), this.#files.nextDiskPath);
  }

  async switch(isPrepared: boolean): Promise<void> {
    const { rootDirectory, nextDiskPath } = this.#files;
    if (isPrepared && !existsSync(nextDiskPath)) return;
    await removeTree(rootDirectory);
    if (isPrepared) await rename(nextDiskPath, rootDirectory);
    else await mkdir(rootDirectory, { mode: 0o700 });
  }

  async remove(name: string): Promise<void> {
    await removeTree(this.#path(name));
  }

  async list(): Promise<string[]> {
    const names = await readdir(this.#files.snapshotsDirectory).catch(() => []);
    return names
      .filter((name) => name.endsWith(suffix))
      .map((name) => name.slice(0, -suffix.length));
  }

  tidy(): Promise<void> {
    return removeAbandoned(this.#files.snapshotsDirectory);
  }

  #path(name: string): string {
    return join(this.#files.snapshotsDirectory, `${name}${suffix}`);
  }
}

/** Everything of a tree, to a place where nothing is yet. */
async function copyTree(from: string, to: string): Promise<void> {
  await runTool("cp", ["--archive", "--reflink=auto", "--sparse=auto", from, to], {
    packageName: "coreutils",
  });
}

async function sizeOf(directory: string): Promise<number> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  const sizes = await Promise.all(
    entries
      .filter((entry) => entry.isFile())
      .map(async (entry) => (await stat(join(entry.parentPath, entry.name))).blocks * 512),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}
