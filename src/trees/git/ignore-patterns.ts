import type { BytePath } from "../../model/tree.ts";
import { compileGlob, matchesGlob } from "./wildmatch.ts";

/** One line of a `.gitignore`. */
interface IgnorePattern {
  readonly isNegative: boolean;
  readonly directoriesOnly: boolean;
  /** Whether it is about the last component alone, wherever that lies. */
  readonly isName: boolean;
  readonly matches: (text: BytePath) => boolean;
}

/** What the lines of one `.gitignore` say. */
export class IgnorePatterns {
  /** The last line first, because it decides. */
  readonly #patterns: readonly IgnorePattern[];

  private constructor(patterns: readonly IgnorePattern[]) {
    this.#patterns = patterns;
  }

  /** `text` has one character a byte, as paths do: git matches bytes too. */
  static parse(text: BytePath): IgnorePatterns {
    const lines = text.replace(/^\xef\xbb\xbf/, "").split("\n");
    return new IgnorePatterns(lines.flatMap((line) => parseLine(line) ?? []).reverse());
  }

  /** Whether `name` in the directory `directory`, relative to the file, is ignored; undefined where no line is about it. */
  test(directory: BytePath, name: BytePath, isDirectory: boolean): boolean | undefined {
    const path = directory === "" ? name : `${directory}/${name}`;
    for (const { isNegative, directoriesOnly, isName, matches } of this.#patterns) {
      if (directoriesOnly && !isDirectory) continue;
      if (matches(isName ? name : path)) return !isNegative;
    }
    return undefined;
  }
}

/** Undefined for a line that says nothing. */
function parseLine(line: BytePath): IgnorePattern | undefined {
  if (line.startsWith("#")) return undefined;
  const text = trimSpaces(beforeNul(line.endsWith("\r") ? line.slice(0, -1) : line));
  const isNegative = text.startsWith("!");
  const directoriesOnly = text.endsWith("/");
  const pattern = text.slice(isNegative ? 1 : 0, directoriesOnly ? -1 : undefined);
  const isName = !pattern.includes("/");
  const matches = matcherOf(pattern.startsWith("/") ? pattern.slice(1) : pattern);
  return matches && { isNegative, directoriesOnly, isName, matches };
}

/** Git's strings end there. */
function beforeNul(line: BytePath): BytePath {
  const nul = line.indexOf("\0");
  return nul < 0 ? line : line.slice(0, nul);
}

/** Without the spaces at its end that no backslash keeps. */
function trimSpaces(line: BytePath): BytePath {
  let end = line.length;
  while (line[end - 1] === " ") end -= 1;
  if (end === line.length) return line;
  let backslashes = 0;
  while (line[end - 1 - backslashes] === "\\") backslashes += 1;
  return line.slice(0, end + (backslashes % 2));
}

/**
 * Git compares what is before the first special character by itself, and takes the rest for a pattern of its own: in `a**\/b` the
 * two stars are at a beginning.
 */
function matcherOf(pattern: BytePath): IgnorePattern["matches"] | undefined {
  if (pattern === "") return undefined;
  const special = pattern.search(/[*?[\\]/);
  if (special < 0) return (text) => text === pattern;
  const glob = compileGlob(pattern.slice(special));
  if (glob === undefined) return undefined;
  const prefix = pattern.slice(0, special);
  if (prefix === "") return (text) => matchesGlob(glob, text);
  return (text) => text.startsWith(prefix) && matchesGlob(glob, text.slice(special));
}
