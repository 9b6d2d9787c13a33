import { type BigIntStats, closeSync, type Dirent, fstatSync, open, readdir } from "node:fs";
import { setImmediate as turn } from "node:timers/promises";
import { promisify } from "node:util";
import { fromBuffer, joinPath } from "../model/byte-path.ts";
import { PyroError, systemErrorCode } from "../model/errors.ts";
import type { BytePath, TreeEntry, TreeItem } from "../model/tree.ts";
import { below, ofDescriptor, openFlags } from "../platform/descriptor-path.ts";
import { type Found, findEntry, notFound } from "./find-entry.ts";
import { IgnoreRules } from "./git/ignore-rules.ts";
import { inspectCheckout } from "./git/inspect-checkout.ts";
import type { OuterGit } from "./git/outer-git.ts";
import { readAhead } from "./read-ahead.ts";
import type { FoundFile } from "./read-file-content.ts";

/** Something of the tree that does not travel. */
export interface SkippedEntry {
  readonly path: BytePath;
  /** "it is a fifo", "ignored by .gitignore", … */
  readonly reason: string;
}

/** Of what a rule leaves out. */
export const ignoredReason = "ignored by .gitignore";

export interface WalkOptions {
  /** Leave out what the tree's own `.gitignore` files and `.git/info/exclude` name and git does not track; default false. */
  readonly respectGitignore?: boolean | undefined;
  /** What the checkout at the root uses of the host outside of the tree, where that may be read. */
  readonly outerGit?: OuterGit | undefined;
  /** Where the tree is in a larger one. */
  readonly prefix?: BytePath | undefined;
  /** Says what belongs to the tree; the rest is passed over without a word. Default: everything. */
  readonly accepts?: ((path: BytePath) => boolean) | undefined;
  readonly onSkipped?: ((skipped: SkippedEntry) => void) | undefined;
  /** Why a copy will not be for git what the tree is; one line. */
  readonly onWarning?: ((warning: string) => void) | undefined;
  /** A file whose content may be half old and half new. */
  readonly onChanged?: ((path: BytePath) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Enough to keep a disk busy; more only holds more files open. */
const concurrency = 16;
/** Of the paths that git tracks, in all checkouts of a tree: well beyond a million files. */
const trackedBytesMax = 128 * 1024 * 1024;
/** How long the process may be without a turn of its event loop. */
const turnMs = 50;

const openDirectory = promisify(open);
const readNames = promisify(readdir);
const noXattrs: ReadonlyMap<string, Buffer> = new Map();

/**
 * The tree under `root`, itself first, every directory's entries in the order of their bytes. No link is followed, even
 * one that takes the place of a directory meanwhile; only `root` may be a link. Extended attributes are left out, since
 * Node cannot read them.
 */
export async function* walkDirectory(
  root: string,
  options: WalkOptions = {},
): AsyncGenerator<TreeItem> {
  const fd = await openRoot(root);
  try {
    const { respectGitignore, outerGit, prefix = "" } = options;
    const ignored = respectGitignore ? IgnoreRules.ofRoot(fd, outerGit?.common) : undefined;
    yield* new Walk(fd, options).directory({ fd, path: prefix, ignored });
  } finally {
    closeSync(fd);
  }
}

async function openRoot(root: string): Promise<number> {
  try {
    // With a slash the root may be a link to a directory, but nothing else.
    return await openDirectory(`${root}/`, openFlags.directory);
  } catch (error) {
    const code = systemErrorCode(error);
    if (code === undefined) throw error;
    throw new PyroError("seed_source_unusable", `${root} cannot be read as a directory: ${code}.`, {
      cause: error,
    });
  }
}

interface Directory {
  readonly fd: number;
  readonly path: BytePath;
  readonly ignored: IgnoreRules | undefined;
}

type FoundName = Found & { readonly name: BytePath };

class Walk {
  readonly #rootFd: number;
  readonly #options: WalkOptions;
  /** The first path of every file that has several. */
  readonly #firstPaths = new Map<string, BytePath>();

  #trackedBytesLeft = trackedBytesMax;
  #turnedAt = performance.now();

  constructor(rootFd: number, options: WalkOptions) {
    this.#rootFd = rootFd;
    this.#options = options;
  }

  async *directory(entered: Directory): AsyncGenerator<TreeItem> {
    const { fd, path } = entered;
    yield { entry: entryOf(path, fstatSync(fd, { bigint: true }), { type: "directory" }) };
    const names = await this.#list(entered);
    const isCheckout = names.some(({ name }) => fromBuffer(name) === ".git");
    const directory = isCheckout ? this.#inCheckout(entered) : entered;
    const found = readAhead(names, {
      concurrency,
      work: async (entry) => await this.#find(directory, entry),
      discard: (result) => {
        if (result.kind === "file") result.file.close();
      },
    });
    for await (const result of found) yield* this.#items(directory, result);
  }

  #inCheckout(directory: Directory): Directory {
    const { fd, path, ignored } = directory;
    if (ignored?.ignores(".git", true)) return directory;
    const outer = path === "" ? this.#options.outerGit : undefined;
    const place = { rootFd: this.#rootFd, fd, path, outer };
    const { warnings, tracked } = inspectCheckout(place, {
      trackedBytesMax: ignored && this.#trackedBytesLeft,
    });
    this.#trackedBytesLeft -= tracked?.pathsBytes ?? 0;
    for (const warning of warnings) this.#options.onWarning?.(warning);
    return tracked === undefined
      ? directory
      : { ...directory, ignored: ignored?.inCheckout(tracked) };
  }

  async #list({ fd, path }: Directory): Promise<Dirent<Buffer>[]> {
    try {
      const entries = await readNames(ofDescriptor(fd), {
        encoding: "buffer",
        withFileTypes: true,
      });
      return entries.sort((a, b) => a.name.compare(b.name));
    } catch (error) {
      const found = notFound(error);
      if (found.kind === "unusable") this.#skip(path, found.reason);
      return [];
    }
  }

  async #find(directory: Directory, entry: Dirent<Buffer>): Promise<FoundName> {
    if (directory.ignored !== undefined) await this.#letOthersWork();
    this.#options.signal?.throwIfAborted();
    const name = fromBuffer(entry.name);
    if (this.#options.accepts?.(joinPath(directory.path, name)) === false)
      return { name, kind: "gone" };
    if (directory.ignored?.ignores(name, entry.isDirectory()))
      return { name, kind: "unusable", reason: ignoredReason };
    return { name, ...(await findEntry(directory.fd, entry)) };
  }

  /** Rules by the thousand take long, without waiting for anything on which an abort could arrive. */
  async #letOthersWork(): Promise<void> {
    if (performance.now() - this.#turnedAt < turnMs) return;
    await turn();
    this.#turnedAt = performance.now();
  }

  async *#items(directory: Directory, found: FoundName): AsyncGenerator<TreeItem> {
    const path = joinPath(directory.path, found.name);
    switch (found.kind) {
      case "directory":
        return yield* this.#enter(directory, found.name);
      case "symlink":
        return yield {
          entry: entryOf(path, found.stats, { type: "symlink", target: found.target }),
        };
      case "file":
        return yield* this.#file(path, found.file);
      case "unusable":
        return this.#skip(path, found.reason);
      case "gone":
        return;
    }
  }

  async *#enter(parent: Directory, name: BytePath): AsyncGenerator<TreeItem> {
    const path = joinPath(parent.path, name);
    let fd: number;
    try {
      fd = await openDirectory(below(parent.fd, name), openFlags.directory);
    } catch (error) {
      const found = notFound(error);
      if (found.kind === "unusable") this.#skip(path, found.reason);
      return;
    }
    try {
      yield* this.directory({ fd, path, ignored: parent.ignored?.inDirectory(fd, name) });
    } finally {
      closeSync(fd);
    }
  }

  async *#file(path: BytePath, file: FoundFile): AsyncGenerator<TreeItem> {
    try {
      this.#options.signal?.throwIfAborted();
      const { stats, content, changedWhileRead } = file;
      const target = this.#earlierName(path, stats);
      if (target !== undefined) {
        yield { entry: entryOf(path, stats, { type: "hardlink", target }) };
        return;
      }
      yield { entry: entryOf(path, stats, { type: "file" }), content, changedWhileRead };
      if (changedWhileRead()) this.#options.onChanged?.(path);
    } finally {
      file.close();
    }
  }

  /** Another path of the same file that came before, if any; remembers this one otherwise. */
  #earlierName(path: BytePath, { nlink, dev, ino }: BigIntStats): BytePath | undefined {
    if (nlink === 1n) return undefined;
    const key = `${dev}:${ino}`;
    const earlier = this.#firstPaths.get(key);
    if (earlier === undefined) this.#firstPaths.set(key, path);
    return earlier;
  }

  #skip(path: BytePath, reason: string): void {
    this.#options.onSkipped?.({ path, reason });
  }
}

interface Kind {
  readonly type: "file" | "directory" | "symlink" | "hardlink";
  /** Of a link. */
  readonly target?: BytePath;
}

function entryOf(path: BytePath, stats: BigIntStats, { type, target = "" }: Kind): TreeEntry {
  const isFile = type === "file";
  return {
    path,
    type,
    mode: Number(stats.mode & 0o7777n),
    size: isFile ? Number(stats.size) : 0,
    mtimeNs: stats.mtimeNs,
    uid: Number(stats.uid),
    gid: Number(stats.gid),
    inode: isFile && stats.nlink > 1n ? String(stats.ino) : "0",
    digest: null,
    target,
    xattrs: noXattrs,
  };
}
