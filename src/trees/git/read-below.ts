import { closeSync, fstatSync, openSync, readFileSync } from "node:fs";
import { systemErrorCode } from "../../model/errors.ts";
import type { BytePath } from "../../model/tree.ts";
import { below, openFlags } from "../../platform/descriptor-path.ts";

/**
 * The content of a file in an open directory, unless it is larger. Neither it nor a directory on the way may be a link, so that
 * nothing outside is read.
 */
export function readBelow(
  directoryFd: number,
  path: BytePath,
  bytesMax: number,
): Buffer | "missing" | "unusable" {
  const slash = path.lastIndexOf("/");
  const directory = slash < 0 ? directoryFd : openBelow(directoryFd, path.slice(0, slash));
  if (directory === undefined) return "missing";
  let fd: number | undefined;
  try {
    fd = openSync(below(directory, path.slice(slash + 1)), openFlags.file);
    const stats = fstatSync(fd);
    return stats.isFile() && stats.size <= bytesMax ? readFileSync(fd) : "unusable";
  } catch (error) {
    return whyNot(error);
  } finally {
    if (fd !== undefined) closeSync(fd);
    if (directory !== directoryFd) closeSync(directory);
  }
}

/** A directory at `path` below an open one, to be closed by the caller; undefined when there is none, or a link on the way. */
export function openBelow(directoryFd: number, path: BytePath): number | undefined {
  let at: number | undefined;
  for (const name of path.split("/")) {
    const outer = at;
    try {
      at = openSync(below(outer ?? directoryFd, name), openFlags.directory);
    } catch (error) {
      whyNot(error);
      at = undefined;
    } finally {
      if (outer !== undefined) closeSync(outer);
    }
    if (at === undefined) return undefined;
  }
  return at;
}

function whyNot(error: unknown): "missing" | "unusable" {
  const code = systemErrorCode(error);
  if (code === undefined) throw error;
  return code === "ENOENT" ? "missing" : "unusable";
}
