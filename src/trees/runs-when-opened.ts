import { joinPath, parentPath } from "../model/byte-path.ts";
import type { BytePath } from "../model/tree.ts";
import { type OpenedRule, openedRules, type RunCategory } from "./opened-rules.ts";

/** A file that makes programs run code, or tells an agent what to do, when somebody uses its tree. */
export interface RunsWhenOpened {
  readonly path: BytePath;
  readonly category: RunCategory;
  /** When and what. */
  readonly why: string;
}

interface CompiledRule extends OpenedRule {
  readonly expression: RegExp;
}

const wildcards: Readonly<Record<string, string>> = {
  "**/": "(?:[^/]+/)*",
  "**": ".+",
  "*": "[^/]+",
};

const compiledRules: readonly CompiledRule[] = openedRules.map((rule) => {
  const alternatives = rule.patterns.trim().split(/\s+/).map(expressionOf);
  return { ...rule, expression: new RegExp(`(?:^|/)(?:${alternatives.join("|")})$`, "s") };
});

/** Every rule at once: most paths match none. */
const anyRule = new RegExp(compiledRules.map(({ expression }) => expression.source).join("|"), "s");

/**
 * Why `path` runs code or steers an agent when its tree is used, or undefined. Case does not matter, as on some file
 * systems.
 */
export function runsWhenOpened(path: BytePath): RunsWhenOpened | undefined {
  const lower = path.toLowerCase();
  if (!anyRule.test(lower)) return undefined;
  const rule = compiledRules.find(({ expression }) => expression.test(lower));
  return rule && { path, category: rule.category, why: rule.why };
}

/** Whether `bareRepositories` wants to see `path`. */
export function mayBePartOfRepository(path: BytePath): boolean {
  return /(?:^|\/)(?:HEAD|config|objects|refs)$/.test(path);
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
    if (parts.every((part) => paths.has(part)) && runsWhenOpened(config) === undefined)
      found.push({
        path: config,
        category: "git",
        why: "its directory is a bare repository, and git takes commands to run from its configuration",
      });
  }
  return found;
}

function expressionOf(pattern: string): string {
  return pattern
    .replace(/[.+]/g, "\\$&")
    .replace(/\*\*\/|\*\*|\*/g, (stars) => wildcards[stars] ?? "");
}
