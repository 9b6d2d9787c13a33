import { closeSync, openSync, readSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join, resolve } from "node:path";

const gitFileBytesMax = 4096;

/**
 * The top of the Git checkout around `directory`, or undefined. Only looks: git itself obeys a repository's configuration.
 * A checkout that is the whole home directory or file system is nobody's project.
 */
export function findCheckout(directory: string): string | undefined {
  const tooLarge = new Set(["/", resolve(homedir())]);
  for (let at = resolve(directory); ; at = dirname(at)) {
    if (isCheckout(at)) return tooLarge.has(at) ? undefined : at;
    if (at === dirname(at)) return undefined;
  }
}

function isCheckout(directory: string): boolean {
  const git = join(directory, ".git");
  const found = statSync(git, { throwIfNoEntry: false });
  if (found === undefined) return false;
  if (found.isDirectory()) return isFile(join(git, "HEAD"));
  // Worktrees and submodules have a file that says where the rest is.
  return found.isFile() && beginning(git).startsWith("gitdir: ");
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() === true;
}

function beginning(path: string): string {
  const buffer = Buffer.alloc(gitFileBytesMax);
  const fd = openSync(path, "r");
  try {
    return buffer.toString("utf8", 0, readSync(fd, buffer, 0, buffer.length, 0));
  } finally {
    closeSync(fd);
  }
}
