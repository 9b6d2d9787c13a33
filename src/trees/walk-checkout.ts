import { lstatSync } from "node:fs";
import { join } from "node:path";
import { displayPath, fromUtf8 } from "../model/byte-path.ts";
import type { BytePath, TreeItem } from "../model/tree.ts";
import { findOuterGit, type OuterGit, readGitFile } from "./git/outer-git.ts";
import { type WalkOptions, walkDirectory } from "./walk-directory.ts";

const alternates = ".git/objects/info/alternates";
const config = ".git/config";
/** What a linked worktree has from its repository; all else is its own. */
const shared = /^\.git\/(objects|refs|packed-refs|shallow|info|hooks|description)(\/|$)/;
/** What borrowed objects are, whatever else lies where they are said to be. */
const objects =
  /^\.git\/borrowed-\d+\/([0-9a-f]{2}(\/[0-9a-f]+)?|pack(\/(pack-[0-9a-f]+\.[a-z]+|multi-pack-index.*))?)$/;
/** What is true only where the worktree is. */
const placeOfWorktree = /^\.git\/(gitdir|commondir|locked|modules|worktrees)(\/|$)/;

/** The checkout at `root` with a repository that is whole: what lies outside of it is put in its place. */
export async function* walkCheckout(
  root: string,
  options: WalkOptions = {},
): AsyncGenerator<TreeItem> {
  const outer = findOuterGit(root);
  if (outer === undefined) return yield* walkDirectory(root, options);
  const isReplaced = (path: BytePath) =>
    path === alternates || (outer.isOutside && path === ".git");
  yield* walkDirectory(root, { ...options, outerGit: outer, accepts: (path) => !isReplaced(path) });
  for (const path of sourcesOf(outer)) options.onWarning?.(cameAlong(path));
  const parts = { ...options, respectGitignore: false, onWarning: undefined };
  if (outer.isOutside) yield* repository(outer, parts);
  for (const [index, path] of outer.borrowed.entries())
    yield* walkDirectory(path, {
      ...parts,
      prefix: `.git/${borrowedName(index)}`,
      accepts: (name) => objects.test(name),
    });
  if (outer.borrowed.length > 0) {
    const lines = outer.borrowed.map((_, index) => `../${borrowedName(index)}\n`);
    yield textFile(alternates, lines.join(""), join(outer.common, "config"));
  }
}

function sourcesOf({ git, common, isOutside, borrowed }: OuterGit): ReadonlySet<string> {
  return new Set(isOutside ? [git, common, ...borrowed] : borrowed);
}

function cameAlong(path: string): string {
  return `Git's files in ${displayPath(fromUtf8(path))} came along from outside of the checkout.`;
}

async function* repository(outer: OuterGit, options: WalkOptions): AsyncGenerator<TreeItem> {
  const isOwn = (path: BytePath) =>
    !placeOfWorktree.test(path) &&
    path !== config &&
    path !== alternates &&
    (outer.git === outer.common || !shared.test(path));
  yield* walkDirectory(outer.git, { ...options, prefix: ".git", accepts: isOwn });
  const isWorktree = outer.git !== outer.common;
  // Of values that are there twice the last one counts.
  const change = isWorktree ? "bare = false" : "worktree = ..";
  const text = readGitFile(join(outer.common, "config"));
  yield textFile(config, `${text}\n[core]\n\t${change}\n`, join(outer.common, "config"));
  if (!isWorktree) return;
  const isShared = (path: BytePath) => shared.test(path) && path !== alternates;
  const common = walkDirectory(outer.common, { ...options, prefix: ".git", accepts: isShared });
  for await (const item of common) if (item.entry.path !== ".git") yield item;
}

function borrowedName(index: number): BytePath {
  return `borrowed-${index + 1}`;
}

/** A file that is not as it is on the host; times and owner are those of `like`. */
function textFile(path: BytePath, text: BytePath, like: string): TreeItem {
  const stats = lstatSync(like, { bigint: true });
  const content = Buffer.from(text, "latin1");
  return {
    entry: {
      ...{ path, type: "file", mode: 0o644, size: content.length, mtimeNs: stats.mtimeNs },
      ...{ uid: Number(stats.uid), gid: Number(stats.gid), inode: "0", digest: null, target: "" },
      xattrs: new Map(),
    },
    content: (async function* () {
      yield content;
    })(),
    changedWhileRead: () => false,
  };
}
