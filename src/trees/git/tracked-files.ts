import type { BytePath } from "../../model/tree.ts";
import { type IndexFile, type IndexLimits, parseIndex } from "./index-file.ts";
import { readBelow } from "./read-below.ts";

/** Half a million files; git works with larger ones, a checkout of which nobody copies. */
const indexBytesMax = 64 * 1024 * 1024;

/** What git tracks in a checkout, whatever `.gitignore` says. */
export class TrackedFiles {
  /** In the order of their bytes. */
  readonly #paths: readonly BytePath[];

  private constructor(paths: readonly BytePath[]) {
    this.#paths = paths;
  }

  /** From the index in a repository's open directory; undefined when there is one that cannot be read. */
  static read(gitFd: number, limits: IndexLimits): TrackedFiles | undefined {
    const data = readBelow(gitFd, "index", indexBytesMax);
    if (data === "missing") return new TrackedFiles([]);
    const index = data === "unusable" ? undefined : parseIndex(data, limits);
    const paths =
      index && (index.shared === undefined ? index.paths : joined(index, gitFd, limits));
    // Git writes them sorted, but for a split index; nobody has to.
    return paths && new TrackedFiles(paths.toSorted((a, b) => (a < b ? -1 : a > b ? 1 : 0)));
  }

  /** Length of all paths together. */
  get pathsBytes(): number {
    return this.#paths.reduce((sum, path) => sum + path.length, 0);
  }

  /** Whether `path` is a file of the checkout, or a submodule. */
  has(path: BytePath): boolean {
    return this.#paths[this.#firstFrom(path)] === path;
  }

  hasBelow(directory: BytePath): boolean {
    const below = `${directory}/`;
    return this.#paths[this.#firstFrom(below)]?.startsWith(below) === true;
  }

  /** Position of the first path that is not before `path`. */
  #firstFrom(path: BytePath): number {
    let low = 0;
    let high = this.#paths.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#paths[middle] as BytePath) < path) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** The paths of a split index with those of the shared one. */
function joined(
  { paths, shared }: IndexFile,
  gitFd: number,
  limits: IndexLimits,
): BytePath[] | undefined {
  const own = paths.filter((path) => path !== "");
  if (shared === undefined || /^0*$/.test(shared.id)) return own;
  const data = readBelow(gitFd, `sharedindex.${shared.id}`, indexBytesMax);
  const base = typeof data === "string" ? undefined : parseIndex(data, limits);
  return base && own.concat(base.paths.filter((_, position) => shared.deleted[position] !== 1));
}
