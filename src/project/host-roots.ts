import { lstatSync, realpathSync, type Stats, statSync } from "node:fs";
import { basename, dirname, isAbsolute, join, relative, resolve } from "node:path";
import { PyroError, systemErrorCode } from "../model/errors.ts";
import { visibleText } from "../model/text.ts";

interface Root {
  /** As it was given. */
  readonly path: string;
  readonly realPath: string;
}

/** The directories of the host that a foreign caller may name paths in. */
export class HostRoots {
  readonly #roots: readonly Root[];

  /** Directories that exist; relative paths are meant below the first. Throws `invalid_argument` for one that does not. */
  constructor(directories: readonly string[]) {
    this.#roots = directories.map((path) => ({ path: resolve(path), realPath: realRoot(path) }));
  }

  get paths(): readonly string[] {
    return this.#roots.map(({ path }) => path);
  }

  /** The real path of something that exists inside a root. Symbolic links that lead out are refused. */
  readable(path: string): string {
    const lexical = this.#lexical(path);
    const real = realPathOf(lexical);
    // Whether something outside exists is nobody's business either.
    const known = real ?? nearestRealPath(lexical);
    if (!this.#roots.some((root) => isInside(known, root.realPath))) throw this.#refused(path);
    if (real !== undefined) return real;
    throw new PyroError("invalid_argument", `${visibleText(path)} does not exist.`);
  }

  /** The real path of something that may be made inside a root: its directory exists, and is no repository's own. */
  writable(path: string): string {
    const lexical = this.#lexical(path);
    const parent = this.readable(dirname(lexical));
    if (!statSync(parent).isDirectory())
      throw new PyroError("invalid_argument", `${visibleText(path)} is not in a directory.`);
    const target = join(parent, basename(lexical));
    if (target === parent || this.#roots.some((root) => target === root.realPath))
      throw new PyroError("invalid_argument", `${visibleText(path)} is a directory of the host.`);
    if (exists(target))
      throw new PyroError("export_target_exists", `${visibleText(path)} exists already.`);
    if (target.split("/").some(isGitDirectory))
      throw new PyroError(
        "host_path_refused",
        `${visibleText(path)} is inside a .git directory, where git would run it.`,
        { hint: "Choose a path outside .git." },
      );
    return target;
  }

  /** The absolute path, if it looks like one inside a root; nothing outside is even looked at. */
  #lexical(path: string): string {
    if (path === "" || path.includes("\0"))
      throw new PyroError("invalid_argument", "A host path is empty or holds a NUL character.");
    const [first] = this.#roots;
    if (first === undefined) throw this.#refused(path);
    const lexical = isAbsolute(path) ? resolve(path) : resolve(first.path, path);
    const isKnown = this.#roots.some(
      (root) => isInside(lexical, root.path) || isInside(lexical, root.realPath),
    );
    if (!isKnown) throw this.#refused(path);
    return lexical;
  }

  #refused(path: string): PyroError {
    const known = this.paths.map((root) => visibleText(root)).join(", ");
    return new PyroError(
      "host_path_refused",
      known === ""
        ? `${visibleText(path)} is refused: the server was given no directory of the host.`
        : `${visibleText(path)} is outside of what the server may touch: ${known}.`,
      {
        hint:
          known === ""
            ? "Ask the user to serve a project, or to allow a directory."
            : "Name a path inside, or ask the user to allow another directory.",
      },
    );
  }
}

/** Whether `path` is `root` or below it, by whole names. */
function isInside(path: string, root: string): boolean {
  const way = relative(root, path);
  return way === "" || !(way === ".." || way.startsWith("../") || isAbsolute(way));
}

function isGitDirectory(name: string): boolean {
  return /^(\.git[. ]*|git~\d)$/i.test(name);
}

function realRoot(path: string): string {
  const real = realPathOf(resolve(path));
  if (real !== undefined) return real;
  throw new PyroError("invalid_argument", `${path} does not exist.`, {
    hint: "Give a directory that exists.",
  });
}

/** The real path of the nearest directory above `path` that exists; a link that leads nowhere counts as leading out. */
function nearestRealPath(path: string): string {
  if (isLink(path)) return "/";
  const parent = dirname(path);
  return realPathOf(parent) ?? nearestRealPath(parent);
}

function isLink(path: string): boolean {
  return statsOf(path)?.isSymbolicLink() === true;
}

/** Also of a link that leads nowhere. */
function exists(path: string): boolean {
  return statsOf(path) !== undefined;
}

function statsOf(path: string): Stats | undefined {
  try {
    return lstatSync(path);
  } catch (error) {
    if (systemErrorCode(error) !== undefined) return undefined;
    throw error;
  }
}

function realPathOf(path: string): string | undefined {
  try {
    return realpathSync(path);
  } catch (error) {
    if (systemErrorCode(error) !== undefined) return undefined;
    throw error;
  }
}
