import {
  closeSync,
  fstatSync,
  lstatSync,
  openSync,
  readFileSync,
  realpathSync,
  statSync,
} from "node:fs";
import { dirname, join, resolve } from "node:path";
import { PyroError, systemErrorCode } from "../../model/errors.ts";
import { visibleText } from "../../model/text.ts";
import { openFlags } from "../../platform/descriptor-path.ts";
import { parseConfig } from "./config-file.ts";

// Only for a caller who asked for it: everything else reads nothing outside of the tree it was given.

/** What a checkout uses of the host outside of itself; absolute paths. */
export interface OuterGit {
  /** The checkout's own part of its repository, and the part it shares; the same unless it is a linked worktree. */
  readonly git: string;
  readonly common: string;
  /** Whether these two lie outside, and not only what is borrowed. */
  readonly isOutside: boolean;
  /** Directories of objects that it borrows. */
  readonly borrowed: readonly string[];
}

const fileBytesMax = 1024 * 1024;
/** As deep as git follows them. */
const borrowedDepthMax = 5;
const borrowedMax = 32;

/** Undefined when the checkout at `root` is whole, or none. Throws `seed_source_unusable` where it may not be taken along. */
export function findOuterGit(root: string): OuterGit | undefined {
  const top = realpathSync(root);
  const at = join(top, ".git");
  const found = lstatSync(at, { throwIfNoEntry: false });
  if (found?.isFile() !== true && found?.isDirectory() !== true) return undefined;
  const isOutside = found.isFile();
  const git = isOutside ? pointedAt(top, at) : at;
  const common = isOutside ? commonOf(git) : git;
  const borrowed = borrowedBy(join(common, "objects"));
  return isOutside || borrowed.length > 0 ? { git, common, isOutside, borrowed } : undefined;
}

/**
 * Where the file `.git` leads, if that leads back: whoever made the file might have written the path of any repository of the
 * user's into it.
 */
function pointedAt(top: string, at: string): string {
  const line = utf8(readGitFile(at)).replace(/[\r\n]+$/, "");
  if (!line.startsWith("gitdir: ")) throw unusable(at, "does not say where its repository is");
  const git = realDirectory(resolve(top, line.slice(8)), at);
  if (leadsBack(git, top)) return git;
  throw unusable(git, `does not name ${visibleText(top)} as one of its checkouts`);
}

function leadsBack(git: string, top: string): boolean {
  const worktree = maybeText(join(git, "gitdir"));
  if (worktree !== undefined) return resolve(git, worktree.trim()) === join(top, ".git");
  const files = parseConfig(maybeText(join(git, "config")) ?? "").get("core.worktree");
  return files !== undefined && resolve(git, files) === top;
}

/** What a linked worktree shares; the main repository has to list it. */
function commonOf(git: string): string {
  const pointer = maybeText(join(git, "commondir"));
  if (pointer === undefined) return git;
  const common = realDirectory(resolve(git, pointer.trim()), git);
  if (dirname(git) === join(common, "worktrees")) return common;
  throw unusable(git, `is no worktree of ${visibleText(common)}`);
}

function borrowedBy(objects: string): string[] {
  const found = new Set<string>();
  const add = (from: string, depth: number) => {
    if (depth > borrowedDepthMax) return;
    for (const line of (maybeText(join(from, "info/alternates")) ?? "").split("\n")) {
      if (line === "" || line.startsWith("#") || found.size >= borrowedMax) continue;
      const path = realDirectory(resolve(from, line), join(from, "info/alternates"));
      if (path === objects || found.has(path)) continue;
      found.add(path);
      add(path, depth + 1);
    }
  };
  add(objects, 1);
  return [...found];
}

function realDirectory(path: string, from: string): string {
  try {
    const real = realpathSync(path);
    if (statSync(real).isDirectory()) return real;
  } catch (error) {
    if (systemErrorCode(error) === undefined) throw error;
  }
  throw unusable(path, `is no directory that can be read, though ${visibleText(from)} leads there`);
}

function maybeText(path: string): string | undefined {
  return lstatSync(path, { throwIfNoEntry: false }) === undefined
    ? undefined
    : utf8(readGitFile(path));
}

/** The bytes of a small file of git's, one character each; no link is followed. */
export function readGitFile(path: string): string {
  try {
    using file = openedFile(path);
    const found = fstatSync(file.fd);
    if (found.isFile() && found.size <= fileBytesMax) return readFileSync(file.fd, "latin1");
  } catch (error) {
    if (systemErrorCode(error) === undefined) throw error;
  }
  throw unusable(path, "is no file of git's that can be read");
}

function utf8(bytes: string): string {
  return Buffer.from(bytes, "latin1").toString();
}

function openedFile(path: string) {
  const fd = openSync(path, openFlags.file);
  return { fd, [Symbol.dispose]: () => closeSync(fd) };
}

function unusable(path: string, why: string): PyroError {
  return new PyroError("seed_source_unusable", `${visibleText(path)} ${why}.`, {
    hint: "Copy a clone of it instead, or leave --include-outer-git out.",
  });
}
