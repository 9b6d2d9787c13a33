import { linkSync, lstatSync, lutimesSync, symlinkSync, unlinkSync } from "node:fs";
import { dirname } from "node:path";
import { setImmediate } from "node:timers/promises";
import {
  baseName,
  checkRelativePath,
  displayPath,
  parentPath,
  toBuffer,
} from "../model/byte-path.ts";
import { PyroError, systemErrorCode } from "../model/errors.ts";
import type { BytePath, ContentPiece, TreeEntry, TreeItem } from "../model/tree.ts";
import { below } from "../platform/descriptor-path.ts";
import { namingNoSpace, requireDiskRoom } from "../platform/files.ts";
import { abortable } from "./abortable.ts";
import { fileTime } from "./file-time.ts";
import { leavesTree } from "./leaving-links.ts";
import { OpenedFiles } from "./opened-files.ts";
import { mayBePartOfRepository, type RunsWhenOpened } from "./runs-when-opened.ts";
import { StagedDirectories } from "./staged-directories.ts";
import { StagingArea } from "./staging-area.ts";
import type { SkippedEntry } from "./walk-directory.ts";
import { writeNewFile } from "./write-file.ts";

export interface WriteTreeOptions {
  /** Must not exist; its directory must. */
  readonly destination: string;
  /** What the tree is called where it comes from; default: nothing. What runs when opened is judged by that name too. */
  readonly sourcePath?: BytePath | undefined;
  /** Whether files that run by themselves are left out. Default false. */
  readonly leaveOutSelfRunning?: boolean | undefined;
  /** Sum of all files' sizes, holes included; default 16 GiB. */
  readonly bytesMax?: number | undefined;
  /** Default 2,000,000. */
  readonly entriesMax?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface WrittenTree {
  /** Everything that exists now, the tree's own directory included. */
  readonly entryCount: number;
  readonly bytes: number;
  /** Devices, fifos, sockets, and what was to be left out. */
  readonly skipped: readonly SkippedEntry[];
  /** Entries whose set-uid, set-gid or sticky bit was left out. */
  readonly strippedCount: number;
  /** Symbolic links that lead, or might lead, out of the tree. */
  readonly leavingLinks: readonly BytePath[];
  readonly runsWhenOpened: readonly RunsWhenOpened[];
  readonly changedWhileRead: readonly BytePath[];
  /** SHA-256 in hex of the files that run when opened. */
  readonly digests: ReadonlyMap<BytePath, string>;
}

export const exportLimits = {
  bytesMax: 16 * 1024 ** 3,
  entriesMax: 2_000_000,
  /** Directories, whose modes and times are held until the end. */
  directoriesMax: 200_000,
  /** Everything that the answer names: what was skipped, leads out, runs when opened or changed meanwhile. */
  namedMax: 30_000,
} as const;

/** How much is written between two looks at the free room, and how much must stay free. */
const roomBytes = 64 * 1024 * 1024;
/** Entries after which others get their turn. */
const turnEntries = 64;

/**
 * Writes a tree that a hostile guest sent. It appears at the destination complete or not at all, nothing outside is ever touched,
 * and no link is followed. Times keep about 0.2 µs. Extended attributes and owners are left out.
 */
export async function writeTree(
  items: AsyncIterable<TreeItem>,
  options: WriteTreeOptions,
): Promise<WrittenTree> {
  options.signal?.throwIfAborted();
  using staging = new StagingArea(options.destination);
  using directories = new StagedDirectories(staging.parentFd, staging.name);
  const writer = new TreeWriter(staging, directories, options);
  try {
    for await (const item of abortable(items, options.signal)) await writer.write(item);
    return writer.finish();
  } catch (error) {
    throw namingNoSpace(error, staging.destination);
  }
}

class TreeWriter {
  readonly #staging: StagingArea;
  readonly #directories: StagedDirectories;
  readonly #options: WriteTreeOptions;
  readonly #skipped: SkippedEntry[] = [];
  readonly #leavingLinks: BytePath[] = [];
  readonly #opened: OpenedFiles;
  /** Files that were left out, whose further names go with them. */
  readonly #leftOut = new Set<BytePath>();
  readonly #changedWhileRead: BytePath[] = [];
  readonly #digests = new Map<BytePath, string>();
  #itemCount = 0;
  #entryCount = 0;
  #bytes = 0;
  #strippedCount = 0;
  #roomLeftBytes = 0;
  /** Set by a first item that is a file or link. */
  #isSingle = false;

  constructor(staging: StagingArea, directories: StagedDirectories, options: WriteTreeOptions) {
    this.#staging = staging;
    this.#directories = directories;
    this.#options = options;
    this.#opened = new OpenedFiles([options.sourcePath ?? "", ...staging.hostPaths]);
  }

  async write(item: TreeItem): Promise<void> {
    const { entry } = item;
    this.#check(entry);
    await this.#checkRoom(entry.size);
    if (this.#itemCount % turnEntries === 0) await setImmediate();
    this.#options.signal?.throwIfAborted();
    try {
      await this.#place(item);
    } catch (error) {
      throw namingCollision(error, entry.path);
    }
  }

  finish(): WrittenTree {
    this.#opened.addRepositories();
    for (const { path, why } of this.#options.leaveOutSelfRunning
      ? this.#opened.takeSelfRunning()
      : [])
      this.#remove(path, why);
    if (!this.#isSingle) {
      this.#ensureDirectory("");
      this.#directories.finish();
    }
    this.#options.signal?.throwIfAborted();
    this.#staging.publish(!this.#isSingle);
    return {
      entryCount: this.#entryCount,
      bytes: this.#bytes,
      skipped: this.#skipped,
      strippedCount: this.#strippedCount,
      leavingLinks: this.#leavingLinks,
      runsWhenOpened: this.#opened.found,
      changedWhileRead: this.#changedWhileRead,
      digests: this.#digests,
    };
  }

  #check({ path, size }: TreeEntry): void {
    const { bytesMax = exportLimits.bytesMax, entriesMax = exportLimits.entriesMax } =
      this.#options;
    this.#itemCount++;
    this.#bytes += size;
    if (this.#itemCount > entriesMax)
      throw overLimit(`${this.#itemCount} entries`, `${entriesMax} is the limit`);
    if (this.#bytes > bytesMax)
      throw overLimit(
        `${this.#bytes} bytes up to ${displayPath(path)}`,
        `${bytesMax} is the limit`,
      );
    const broken = checkRelativePath(path);
    if (broken !== undefined) throw refused(path, broken);
    if (this.#isSingle) throw refused(path, "it follows a tree that is no directory");
    if (path === "" && this.#itemCount > 1) throw refused(path, "the tree itself comes late");
  }

  /** What is held in memory until the end must not grow with the tree. */
  #checkHeld(): void {
    const { directoriesMax, namedMax } = exportLimits;
    const lists = [this.#skipped, this.#leavingLinks, this.#changedWhileRead];
    const named = lists.reduce((sum, { length }) => sum + length, this.#opened.count);
    if (named > namedMax)
      throw overLimit(`${named} entries that would have to be named`, `${namedMax} is the limit`);
    if (this.#directories.count > directoriesMax)
      throw overLimit(`${this.#directories.count} directories`, `${directoriesMax} is the limit`);
  }

  /** Looks at the disk before a large file, and once for many small ones. */
  async #checkRoom(bytes: number): Promise<void> {
    this.#roomLeftBytes -= bytes;
    if (this.#roomLeftBytes > 0 && bytes < roomBytes) return;
    await requireDiskRoom(dirname(this.#staging.destination), bytes + roomBytes);
    this.#roomLeftBytes = roomBytes;
  }

  async #place(item: TreeItem): Promise<void> {
    const { entry } = item;
    this.#checkHeld();
    const runs = this.#opened.judge(entry);
    if (runs?.runs === "by_itself" && this.#options.leaveOutSelfRunning)
      return this.#leaveOut(entry.path, runs.why);
    switch (entry.type) {
      case "directory":
        this.#directory(entry);
        break;
      case "file":
        await this.#file(item, runs !== undefined || mayBePartOfRepository(entry));
        break;
      case "symlink":
        this.#symlink(entry);
        break;
      case "hardlink":
        if (this.#leftOut.has(entry.target))
          return this.#leaveOut(entry.path, "it is the same file as one that does");
        this.#hardlink(entry);
        break;
      case "fifo":
      case "socket":
      case "character_device":
      case "block_device":
        if (entry.path === "") throw refused("", "it is neither file, directory nor link");
        this.#skipped.push({ path: entry.path, reason: `it is a ${entry.type.replace("_", " ")}` });
        return;
    }
    this.#entryCount++;
    this.#opened.add(entry, runs);
  }

  #leaveOut(path: BytePath, why: string): void {
    if (path === "")
      throw refused(
        this.#options.sourcePath ?? path,
        `it runs by itself on this host (${why}), and such files are left out`,
      );
    this.#leftOut.add(path);
    this.#skipped.push({ path, reason: `it runs by itself: ${why}` });
  }

  /** Leaves out what is known to run by itself only now that all is there. */
  #remove(path: BytePath, why: string): void {
    unlinkSync(this.#placeOf(path));
    this.#entryCount--;
    this.#leaveOut(path, why);
  }

  #directory({ path, mode, mtimeNs }: TreeEntry): void {
    if (path !== "") this.#ensureDirectory(parentPath(path));
    this.#strip(mode);
    this.#directories.create(path, { mode: mode & 0o777, mtimeNs });
  }

  async #file({ entry, content, changedWhileRead }: TreeItem, keepsDigest: boolean): Promise<void> {
    this.#strip(entry.mode);
    const pieces = abortable(content ?? noContent(), this.#options.signal);
    const digest = await writeNewFile(this.#placeOf(entry.path), entry, pieces);
    if (keepsDigest) this.#digests.set(entry.path, digest);
    if (changedWhileRead?.() === true) this.#changedWhileRead.push(entry.path);
  }

  #symlink({ path, target, mtimeNs }: TreeEntry): void {
    const at = this.#placeOf(path);
    symlinkSync(toBuffer(target), at);
    lutimesSync(at, fileTime(mtimeNs), fileTime(mtimeNs));
    if (leavesTree(path, target)) this.#leavingLinks.push(path);
  }

  #hardlink({ path, target }: TreeEntry): void {
    if (path === "" || !this.#isFile(target))
      throw refused(path, `its target ${displayPath(target)} is no file of this tree`);
    const at = this.#placeOf(path);
    linkSync(below(this.#directories.descriptor(parentPath(target)), baseName(target)), at);
    const digest = this.#digests.get(target);
    if (digest !== undefined) this.#digests.set(path, digest);
  }

  #isFile(path: BytePath): boolean {
    const parent = parentPath(path);
    if (path === "" || !this.#directories.has(parent)) return false;
    const at = below(this.#directories.descriptor(parent), baseName(path));
    return lstatSync(at, { throwIfNoEntry: false })?.isFile() === true;
  }

  /** Where to create `path`, in a directory that is there. */
  #placeOf(path: BytePath): Buffer {
    if (path === "") {
      this.#isSingle = true;
      return below(this.#staging.parentFd, this.#staging.name);
    }
    const parent = parentPath(path);
    this.#ensureDirectory(parent);
    return below(this.#directories.descriptor(parent), baseName(path));
  }

  /** Directories that the tree leaves out are made like any new one. */
  #ensureDirectory(path: BytePath): void {
    if (this.#directories.has(path)) return;
    if (path !== "") this.#ensureDirectory(parentPath(path));
    this.#directories.create(path, { mode: 0o755, mtimeNs: undefined });
    this.#entryCount++;
  }

  #strip(mode: number): void {
    if ((mode & 0o7000) !== 0) this.#strippedCount++;
  }
}

async function* noContent(): AsyncGenerator<ContentPiece> {}

function refused(path: BytePath, rule: string, cause?: unknown): PyroError {
  return new PyroError("export_refused", `${displayPath(path)} cannot be exported: ${rule}.`, {
    cause,
  });
}

function overLimit(what: string, limit: string): PyroError {
  return new PyroError("export_limit", `The tree has ${what}; ${limit}.`, {
    hint: "Export a part of it, or allow more.",
  });
}

/** Every creation is exclusive, so that two names which are one to this file system are found here. */
function namingCollision(error: unknown, path: BytePath): unknown {
  switch (systemErrorCode(error)) {
    case "EEXIST":
      return refused(path, "an earlier entry has this name on this file system", error);
    case "EILSEQ":
    case "EINVAL":
    case "ENAMETOOLONG":
      return refused(path, "this file system cannot hold its name", error);
    case "ELOOP":
    case "ENOTDIR":
    case "ENOENT":
      return refused(path, "another process changed its directory meanwhile", error);
    default:
      return error;
  }
}
