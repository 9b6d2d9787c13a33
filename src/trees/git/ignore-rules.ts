import { closeSync, openSync } from "node:fs";
import { fromBuffer, joinPath } from "../../model/byte-path.ts";
import type { BytePath } from "../../model/tree.ts";
import { openFlags } from "../../platform/descriptor-path.ts";
import { IgnorePatterns } from "./ignore-patterns.ts";
import { readBelow } from "./read-below.ts";
import type { TrackedFiles } from "./tracked-files.ts";

/** Git itself reads larger ones; nobody writes them. */
const rulesBytesMax = 1024 * 1024;

/** What is said about a directory that is being walked, from it or from one above. */
interface Told<Value> {
  readonly value: Value;
  /** Path from the directory that says it to the one being walked. */
  readonly below: BytePath;
}

interface Rules {
  /** The nearest first. */
  readonly files: readonly Told<IgnorePatterns>[];
  /** Of the checkouts that the directory lies in. */
  readonly tracked: readonly Told<TrackedFiles>[];
  /** Whether the directory itself is ignored, and was entered only for what is tracked in it. */
  readonly isIgnored: boolean;
}

/**
 * What git would ignore in one directory: its own `.gitignore`, then those above up to the tree's root, then
 * `.git/info/exclude`; the nearest that says anything decides. What git tracks is not ignored whatever they say. The user's
 * global excludes are not looked at.
 */
export class IgnoreRules {
  readonly #rules: Rules;

  private constructor(rules: Rules) {
    this.#rules = rules;
  }

  /** `outerCommon` is the path of the root's repository, where that may lie outside of the tree. */
  static ofRoot(fd: number, outerCommon?: string): IgnoreRules {
    const files = [readPatterns(fd, ".gitignore"), readPatterns(fd, ".git/info/exclude")];
    if (outerCommon !== undefined) files.push(readOuterExclude(outerCommon));
    return new IgnoreRules({ files: files.flat(), tracked: [], isIgnored: false });
  }

  /** The rules in the directory `name` of this one, open as `fd`. */
  inDirectory(fd: number, name: BytePath): IgnoreRules {
    const { files, tracked } = this.#rules;
    return new IgnoreRules({
      files: [...readPatterns(fd, ".gitignore"), ...moved(files, name)],
      tracked: moved(tracked, name),
      // A submodule is tracked as a whole.
      isIgnored: this.#excludes(name, true) && !this.#tracks(name),
    });
  }

  /** The rules in this directory when it is a checkout in which git tracks `tracked`. */
  inCheckout(tracked: TrackedFiles): IgnoreRules {
    const told = { value: tracked, below: "" };
    return new IgnoreRules({ ...this.#rules, tracked: [told, ...this.#rules.tracked] });
  }

  ignores(name: BytePath, isDirectory: boolean): boolean {
    if (!this.#excludes(name, isDirectory)) return false;
    return !this.#tracks(name) && !(isDirectory && this.#tracksBelow(name));
  }

  #excludes(name: BytePath, isDirectory: boolean): boolean {
    if (this.#rules.isIgnored) return true;
    if (name === ".git") return false;
    for (const { value, below } of this.#rules.files) {
      const ignored = value.test(below, name, isDirectory);
      if (ignored !== undefined) return ignored;
    }
    return false;
  }

  #tracks(name: BytePath): boolean {
    return this.#rules.tracked.some(({ value, below }) => value.has(joinPath(below, name)));
  }

  #tracksBelow(name: BytePath): boolean {
    return this.#rules.tracked.some(({ value, below }) => value.hasBelow(joinPath(below, name)));
  }
}

function moved<Value>(all: readonly Told<Value>[], name: BytePath): Told<Value>[] {
  return all.map(({ value, below }) => ({ value, below: joinPath(below, name) }));
}

function readOuterExclude(common: string): Told<IgnorePatterns>[] {
  const fd = openSync(common, openFlags.directory);
  try {
    return readPatterns(fd, "info/exclude");
  } finally {
    closeSync(fd);
  }
}

/** The rules in a file, which git does not read either when it is a link. */
function readPatterns(directoryFd: number, path: BytePath): Told<IgnorePatterns>[] {
  const data = readBelow(directoryFd, path, rulesBytesMax);
  if (typeof data === "string") return [];
  // One character a byte, as in the paths: git matches bytes too.
  return [{ value: IgnorePatterns.parse(fromBuffer(data)), below: "" }];
}
