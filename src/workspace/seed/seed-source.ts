import { stat } from "node:fs/promises";
import { resolve } from "node:path";
import { displayPath } from "../../model/byte-path.ts";
import { projectFileName } from "../../model/egress.ts";
import { PyroError, systemErrorCode } from "../../model/errors.ts";
import type { BytePath, TreeItem } from "../../model/tree.ts";
import type { WorkspaceSeed } from "../../model/workspace-results.ts";
import { isArchiveName, readArchive } from "../../trees/read-archive.ts";
import { walkCheckout } from "../../trees/walk-checkout.ts";
import { ignoredReason, walkDirectory } from "../../trees/walk-directory.ts";
import type { WorkOptions } from "../machines/host.ts";
import { reportingItems } from "./report-items.ts";

const namedMax = 100;

/** What could not come along, as it is told to people. */
export interface SourceReport {
  skippedCount: number;
  readonly skipped: { path: string; reason: string }[];
  readonly changedWhileRead: string[];
  readonly warnings: string[];
}

/** A tree on the host, about to be read. */
export interface SeedSource {
  readonly mode: Exclude<WorkspaceSeed["mode"], "empty">;
  /** Absolute. */
  readonly path: string;
  /** Whether a rule keeps parts of it at home. */
  readonly leavesOut: boolean;
  /** Whether what is not in it may be put into it, so that it cannot be copied as it lies there. */
  readonly isCompleted: boolean;
  /** Begins to read it; each call anew. */
  read(options?: WorkOptions): SeedReading;
}

export interface SeedReading {
  readonly items: AsyncIterable<TreeItem>;
  /** What the items told once they were read. */
  readonly seen: SeenInTree;
  /** Complete once the items were read. */
  readonly report: SourceReport;
  /** Everything that was left out, as far as it can be named. */
  readonly leftOut: readonly BytePath[];
}

export interface SeenInTree {
  /** Whether something in it is called as a project's own file is, and lies where that would. */
  hasProjectFile: boolean;
}

export interface SourceOptions {
  readonly respectGitignore?: boolean | undefined;
  readonly includeOuterGit?: boolean | undefined;
}

/** The directory or archive at `path`; nothing is read yet. Throws `invalid_argument` when it is neither. */
export async function openSeedSource(
  path: string,
  { respectGitignore, includeOuterGit }: SourceOptions = {},
): Promise<SeedSource> {
  const absolute = resolve(path);
  const found = await statSource(absolute);
  const mode = found.isDirectory() ? "directory" : "archive";
  if (mode === "archive" && !(found.isFile() && isArchiveName(absolute)))
    throw new PyroError("invalid_argument", `${path} is neither a directory nor an archive.`, {
      hint: "Give a directory, or a file that ends in .tar, .tar.gz or .tgz.",
    });
  if (mode === "archive" && respectGitignore)
    throw new PyroError("invalid_argument", "An archive has no .gitignore to respect.", {
      hint: "Leave --respect-gitignore out, or give the directory itself.",
    });
  if (mode === "archive" && includeOuterGit)
    throw new PyroError("invalid_argument", "An archive has no repository outside of it.", {
      hint: "Leave --include-outer-git out, or give the directory itself.",
    });
  const read = (options: WorkOptions = {}) =>
    mode === "directory"
      ? readDirectory(absolute, { ...options, respectGitignore, includeOuterGit })
      : readPacked(absolute, options);
  const isCompleted = includeOuterGit === true;
  return { mode, path: absolute, leavesOut: respectGitignore === true, isCompleted, read };
}

function readPacked(path: string, { signal, onProgress }: WorkOptions): SeedReading {
  const seen = nothingSeen();
  const items = looking(readArchive(path, { signal }), seen);
  return {
    items: reportingItems(items, "copying", onProgress),
    seen,
    report: emptyReport(),
    leftOut: [],
  };
}

function readDirectory(
  path: string,
  { signal, onProgress, respectGitignore, includeOuterGit }: WorkOptions & SourceOptions,
): SeedReading {
  const report = emptyReport();
  const leftOut: BytePath[] = [];
  const walk = includeOuterGit ? walkCheckout : walkDirectory;
  const seen = nothingSeen();
  const walked = walk(path, {
    respectGitignore,
    signal,
    onSkipped: (skipped) => {
      report.skippedCount++;
      leftOut.push(skipped.path);
      // What a rule keeps at home is not in the tree; what could not be read would have been.
      if (skipped.reason !== ignoredReason) look(skipped.path, seen);
      if (report.skipped.length < namedMax)
        report.skipped.push({ path: displayPath(skipped.path), reason: skipped.reason });
    },
    onWarning: (warning) => {
      if (report.warnings.length < namedMax) report.warnings.push(warning);
    },
    onChanged: (changed) => noteChanged(report, changed),
  });
  const items = reportingItems(looking(walked, seen), "copying", onProgress);
  return { items, seen, report, leftOut };
}

function nothingSeen(): SeenInTree {
  return { hasProjectFile: false };
}

/** The same items; what somebody may want to know of them later is noted. */
async function* looking(
  items: AsyncIterable<TreeItem>,
  seen: SeenInTree,
): AsyncGenerator<TreeItem> {
  for await (const item of items) {
    look(item.entry.path, seen);
    yield item;
  }
}

function look(path: BytePath, seen: SeenInTree): void {
  if (path === projectFileName) seen.hasProjectFile = true;
}

function emptyReport(): SourceReport {
  return { skippedCount: 0, skipped: [], changedWhileRead: [], warnings: [] };
}

/** Names a file that may be half old and half new. */
export function noteChanged({ changedWhileRead }: SourceReport, path: BytePath): void {
  const shown = displayPath(path);
  if (changedWhileRead.length < namedMax && !changedWhileRead.includes(shown))
    changedWhileRead.push(shown);
}

async function statSource(path: string) {
  try {
    return await stat(path);
  } catch (error) {
    const why = systemErrorCode(error) === "ENOENT" ? "does not exist" : "cannot be read";
    throw new PyroError("invalid_argument", `${path} ${why}.`, {
      hint: "Give an existing directory, or a .tar, .tar.gz or .tgz file.",
      cause: error,
    });
  }
}
