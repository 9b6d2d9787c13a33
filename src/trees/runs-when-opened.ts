import { baseName, joinPath, parentPath, toUtf8 } from "../model/byte-path.ts";
import { withoutUnseen } from "../model/text.ts";
import type { BytePath, EntryType } from "../model/tree.ts";
import type { OpenedRule, RunCategory, RunMoment } from "./opened-rule.ts";
import { openedRules } from "./opened-rules.ts";

/** A file that makes programs run code, or tells an agent what to do, when somebody uses its tree. */
export interface RunsWhenOpened {
  readonly path: BytePath;
  readonly category: RunCategory;
  readonly runs: RunMoment;
  /** When and what. */
  readonly why: string;
}

interface CompiledRule extends OpenedRule {
  readonly matches: PathTest;
  /** For the directories that lead to what the rule is about. */
  readonly leadsTo: PathTest;
}

type PathTest = (folded: string) => boolean;

/** Agents keep checkouts in `worktrees` of their own directories: what is in them is judged by its own name. */
const wildcards: Readonly<Record<string, string>> = {
  "**/": "(?:[^/]+/)*",
  "**": "(?!worktrees/).+",
  "*": "[^/]+",
};

interface CompiledRules {
  readonly rules: readonly CompiledRule[];
  /** Every rule at once: most paths match none. */
  readonly matchesAny: PathTest;
}

let compiled: CompiledRules | undefined;

/** Compiled when a path is first judged: that takes milliseconds, and most commands judge none. */
function compiledRules(): CompiledRules {
  compiled ??= {
    rules: openedRules.map((rule) => {
      const patterns = patternsOf(rule);
      return {
        ...rule,
        matches: anyOf(patterns),
        leadsTo: anyOf(patterns.flatMap(directoriesOf)),
      };
    }),
    matchesAny: anyOf(openedRules.flatMap(patternsOf)),
  };
  return compiled;
}

function patternsOf({ patterns }: OpenedRule): string[] {
  return patterns.trim().split(/\s+/);
}

/** An entry as far as its name and kind tell whether it runs. */
export interface NamedEntry {
  readonly path: BytePath;
  readonly type?: EntryType | null | undefined;
}

/**
 * Why an entry runs code or steers an agent when its tree is used, or undefined. A symbolic link counts as what it may lead to, a
 * whole directory included. Case does not matter, nor does what some file systems do not see in a name.
 */
export function runsWhenOpened({ path, type = "file" }: NamedEntry): RunsWhenOpened | undefined {
  if (type === "directory") return undefined;
  const folded = foldName(path);
  const isLink = type === "symlink";
  const { rules, matchesAny } = compiledRules();
  if (!isLink && !matchesAny(folded)) return undefined;
  const rule = rules.find(({ matches, leadsTo }) => matches(folded) || (isLink && leadsTo(folded)));
  return rule && { path, category: rule.category, runs: rule.runs, why: rule.why };
}

/** Judges the entries of one tree by every name that they have, or will have. */
export class OpenedCheck {
  readonly #bases: readonly BytePath[];

  /** `bases` are the paths of the tree itself: in the workspace, on the host. */
  constructor(bases: readonly BytePath[]) {
    this.#bases = [...new Set(bases.map((base) => base.replace(/^\/+/, "")))];
  }

  /** What an entry does under the worst of its names. */
  of({ path, type }: NamedEntry): RunsWhenOpened | undefined {
    let asked: RunsWhenOpened | undefined;
    for (const base of this.#bases) {
      const name = path === "" ? base : joinPath(base, path);
      const found = runsWhenOpened({ path: name, type });
      if (found?.runs === "by_itself") return { ...found, path };
      asked ??= found && { ...found, path };
    }
    return asked;
  }
}

/** Whether `bareRepositories` wants to see an entry. */
export function mayBePartOfRepository({ path, type }: NamedEntry): boolean {
  const part = /(?:^|\/)(HEAD|config|objects|refs)$/.exec(path)?.[1];
  return part === "config" ? type !== "directory" : part !== undefined;
}

/**
 * The configuration files of bare repositories among `paths`: directories that look like any other by name, but in which git runs
 * what their `config` says.
 */
export function bareRepositories(paths: ReadonlySet<BytePath>): RunsWhenOpened[] {
  const found: RunsWhenOpened[] = [];
  for (const path of paths) {
    if (path !== "HEAD" && !path.endsWith("/HEAD")) continue;
    const directory = parentPath(path);
    const config = joinPath(directory, "config");
    const parts = [config, joinPath(directory, "objects"), joinPath(directory, "refs")];
    if (parts.every((part) => paths.has(part)))
      found.push({
        path: config,
        category: "git",
        runs: "by_itself",
        why: "its directory is a bare repository, and git takes commands to run from its configuration",
      });
  }
  return found;
}

/** The name as the most careless file system sees it: one that folds case and leaves out dots and blanks at the ends of names. */
function foldName(path: BytePath): string {
  const text = toUtf8(path) ?? path;
  // A few small letters have no other way to their plain one than by the large one.
  const folded =
    text === path
      ? path.toLowerCase()
      : withoutUnseen(text.normalize("NFD")).toUpperCase().toLowerCase();
  return /[. ](?:\/|$)/.test(folded) ? folded.replace(/[. ]+(?=\/|$)/g, "") : folded;
}

/** The directories on the way to what `pattern` names: `a`, `a/b` and, for what lies at any depth, all below. */
function directoriesOf(pattern: string): string[] {
  const names = pattern.split("/").slice(0, -1);
  return names.map((_, index) => names.slice(0, index + 1).join("/"));
}

/** Whether a path ends in one of `patterns`. Plain names are looked up, and only patterns of several names look at more than the last. */
function anyOf(patterns: readonly string[]): PathTest {
  const plain = new Set(patterns.filter((pattern) => !/[/*]/.test(pattern)));
  const names = oneOf(
    "^",
    patterns.filter((pattern) => /^[^/]*\*[^/]*$/.test(pattern)),
  );
  const paths = oneOf(
    "(?:^|/)",
    patterns.filter((pattern) => pattern.includes("/")),
  );
  return (folded) => {
    const name = baseName(folded);
    return plain.has(name) || names.test(name) || paths.test(folded);
  };
}

function oneOf(start: string, patterns: readonly string[]): RegExp {
  // Of no pattern at all comes an expression that matches nothing.
  if (patterns.length === 0) return /(?!)/;
  return new RegExp(`${start}(?:${patterns.map(expressionOf).join("|")})$`, "s");
}

function expressionOf(pattern: string): string {
  return pattern
    .replace(/[.+]/g, "\\$&")
    .replace(/\*\*\/|\*\*|\*/g, (stars) => wildcards[stars] ?? "");
}
