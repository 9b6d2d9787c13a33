import { closeSync, fstatSync, openSync, readFileSync } from "node:fs";
import { joinPath } from "../../model/byte-path.ts";
import { systemErrorCode } from "../../model/errors.ts";
import type { BytePath } from "../../model/tree.ts";
import { below, openFlags } from "../descriptor-path.ts";
import { IgnorePatterns } from "./ignore-patterns.ts";

/** Git itself reads larger ones; nobody writes them. */
const rulesBytesMax = 1024 * 1024;

interface RuleFile {
  readonly patterns: IgnorePatterns;
  /** Path from the file's directory to the one being walked. */
  readonly below: BytePath;
}

/**
 * What git would ignore in one directory: its own `.gitignore`, then those above up to the tree's root, then
 * `.git/info/exclude`; the nearest that says anything decides. The user's global excludes and files that git tracks although
 * they are ignored are not looked at.
 */
export class IgnoreRules {
  /** The nearest first. */
  readonly #files: readonly RuleFile[];

  private constructor(files: readonly RuleFile[]) {
    this.#files = files;
  }

  static ofRoot(fd: number): IgnoreRules {
    const own = [readPatterns(fd, ".gitignore"), readExclude(fd)];
    return new IgnoreRules(
      own.flatMap((patterns) => (patterns === undefined ? [] : [{ patterns, below: "" }])),
    );
  }

  /** The rules in the directory `name` of this one, open as `fd`. */
  inDirectory(fd: number, name: BytePath): IgnoreRules {
    const above = this.#files.map((file) => ({ ...file, below: joinPath(file.below, name) }));
    const patterns = readPatterns(fd, ".gitignore");
    return new IgnoreRules(patterns === undefined ? above : [{ patterns, below: "" }, ...above]);
  }

  ignores(name: BytePath, isDirectory: boolean): boolean {
    if (name === ".git") return false;
    for (const file of this.#files) {
      const ignored = file.patterns.test(file.below, name, isDirectory);
      if (ignored !== undefined) return ignored;
    }
    return false;
  }
}

function readExclude(rootFd: number): IgnorePatterns | undefined {
  try {
    const git = openSync(below(rootFd, ".git"), openFlags.directory);
    try {
      const info = openSync(below(git, "info"), openFlags.directory);
      try {
        return readPatterns(info, "exclude");
      } finally {
        closeSync(info);
      }
    } finally {
      closeSync(git);
    }
  } catch (error) {
    if (systemErrorCode(error) === undefined) throw error;
    return undefined;
  }
}

/** The rules in a file, which git does not read either when it is a link. */
function readPatterns(directoryFd: number, name: BytePath): IgnorePatterns | undefined {
  let fd: number | undefined;
  try {
    fd = openSync(below(directoryFd, name), openFlags.file);
    const stats = fstatSync(fd);
    if (!stats.isFile() || stats.size > rulesBytesMax) return undefined;
    // One character a byte, as in the paths: git matches bytes too.
    return IgnorePatterns.parse(readFileSync(fd, "latin1"));
  } catch (error) {
    if (systemErrorCode(error) === undefined) throw error;
    return undefined;
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}
