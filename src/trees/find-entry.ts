import { type BigIntStats, type Dirent, lstat, readlink } from "node:fs";
import { promisify } from "node:util";
import { fromBuffer } from "../model/byte-path.ts";
import { systemErrorCode } from "../model/errors.ts";
import type { BytePath } from "../model/tree.ts";
import { below } from "../platform/descriptor-path.ts";
import { type FoundFile, openRegularFile } from "./read-file-content.ts";

/** What is under one name of a directory that is being walked. */
export type Found =
  | { readonly kind: "directory" }
  | { readonly kind: "symlink"; readonly stats: BigIntStats; readonly target: BytePath }
  /** Open, and to be closed by whoever got it. */
  | { readonly kind: "file"; readonly file: FoundFile }
  | { readonly kind: "unusable"; readonly reason: string }
  | { readonly kind: "gone" };

/** Larger files do not travel: their digests alone would take a minute. */
const fileBytesMax = 64 * 1024 ** 3;

const readLinkText = promisify(readlink);
const statBig = promisify(lstat);

/** Finds out what `entry` of an open directory is now, without following it. */
export async function findEntry(directoryFd: number, entry: Dirent<Buffer>): Promise<Found> {
  const at = below(directoryFd, fromBuffer(entry.name));
  try {
    if (entry.isDirectory()) return { kind: "directory" };
    if (entry.isFile()) return await findFile(at);
    if (entry.isSymbolicLink()) {
      const target = fromBuffer(await readLinkText(at, { encoding: "buffer" }));
      return { kind: "symlink", stats: await statBig(at, { bigint: true }), target };
    }
    return { kind: "unusable", reason: `it is a ${specialKind(entry)}` };
  } catch (error) {
    return notFound(error);
  }
}

async function findFile(at: Buffer): Promise<Found> {
  const file = await openRegularFile(at);
  if (file === undefined)
    return { kind: "unusable", reason: "it turned into something else while it was read" };
  if (file.stats.size <= fileBytesMax) return { kind: "file", file };
  file.close();
  return { kind: "unusable", reason: "it is larger than 64 GiB" };
}

/** Why something that a directory listed cannot be had; what disappeared meanwhile is no loss. */
export function notFound(error: unknown): Found {
  const code = systemErrorCode(error);
  switch (code) {
    case undefined:
      throw error;
    case "ENOENT":
      return { kind: "gone" };
    case "EACCES":
    case "EPERM":
      return { kind: "unusable", reason: "it may not be read" };
    case "ELOOP":
    case "ENOTDIR":
      return { kind: "unusable", reason: "it was replaced while it was read" };
    default:
      return { kind: "unusable", reason: `it cannot be read: ${code}` };
  }
}

function specialKind(entry: Dirent<Buffer>): string {
  if (entry.isFIFO()) return "fifo";
  if (entry.isSocket()) return "socket";
  if (entry.isCharacterDevice()) return "character device";
  return entry.isBlockDevice() ? "block device" : "special file";
}
