import { constants } from "node:fs";
import type { BytePath } from "../model/tree.ts";

/** O_PATH, which Node does not name: a handle on a file without reading or writing it. */
export const openPath = 0o10000000;

/** O_TMPFILE, which Node does not name: a file without a name, in the directory that is opened. */
export const openTemporary = 0o20200000;

/** Ways to open that never follow a link in the last component. */
export const openFlags = {
  directory: constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW,
  /** A directory that one may not be allowed to read. */
  directoryHandle: openPath | constants.O_DIRECTORY | constants.O_NOFOLLOW,
  /** Does not wait for the other end of a fifo. */
  file: constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK,
  newFile: constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW,
} as const;

/**
 * The path of `name` in an open directory. It stays in that directory whatever happens to the directory's own path,
 * which is what Node, without `openat`, has to work safely where other processes move things about.
 */
export function below(directoryFd: number, name: BytePath): Buffer {
  return Buffer.from(`/proc/self/fd/${directoryFd}/${name}`, "latin1");
}

/** The path of an open file itself. */
export function ofDescriptor(fd: number): string {
  return `/proc/self/fd/${fd}`;
}
