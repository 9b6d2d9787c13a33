import { stat } from "node:fs/promises";
import { resolve } from "node:path";
import { displayPath } from "../../model/byte-path.ts";
import { PyroError, systemErrorCode } from "../../model/errors.ts";
import type { BytePath, TreeItem } from "../../model/tree.ts";
import type { WorkspaceSeed } from "../../model/workspace-results.ts";
import { isArchiveName, readArchive } from "../../trees/read-archive.ts";
import { walkCheckout } from "../../trees/walk-checkout.ts";
import { walkDirectory } from "../../trees/walk-directory.ts";
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
  /** Complete once the items were read. */
  readonly report: SourceReport;
  /** Everything that was left out, as far as it can be named. */
  readonly leftOut: readonly BytePath[];
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
  return {
    items: reportingItems(readArchive(path, { signal }), "copying", onProgress),
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
  const items = walk(path, {
    respectGitignore,
    signal,
    onSkipped: (skipped) => {
      report.skippedCount++;
      leftOut.push(skipped.path);
      if (report.skipped.length < namedMax)
        report.skipped.push({ path: displayPath(skipped.path), reason: skipped.reason });
    },
    onWarning: (warning) => {
      if (report.warnings.length < namedMax) report.warnings.push(warning);
    },
    onChanged: (changed) => noteChanged(report, changed),
  });
  return { items: reportingItems(items, "copying", onProgress), report, leftOut };
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
