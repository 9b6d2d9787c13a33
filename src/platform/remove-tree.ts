import {
  chmodSync,
  closeSync,
  existsSync,
  lstatSync,
  openSync,
  readdirSync,
  rmdirSync,
  unlinkSync,
} from "node:fs";
import { mkdir, rm } from "node:fs/promises";
import { basename, dirname } from "node:path";
import { fromBuffer, fromUtf8 } from "../model/byte-path.ts";
import { systemErrorCode } from "../model/errors.ts";
import type { BytePath } from "../model/tree.ts";
import { below, ofDescriptor, openFlags } from "./descriptor-path.ts";

/** An empty directory in place of whatever was there; only we may enter it. */
export async function freshDirectory(path: string): Promise<string> {
  await removeTree(path);
  await mkdir(path, { recursive: true, mode: 0o700 });
  return path;
}

/** Removes `path` and everything in it, whatever modes a program gave its directories; what is not there is no error. */
export async function removeTree(path: string): Promise<void> {
  try {
    // A process that is about to end may still write.
    await rm(path, { recursive: true, force: true, maxRetries: 5 });
  } catch (error) {
    if (systemErrorCode(error) !== "EACCES") throw error;
    removeTreeSync(path);
  }
}

/** The same at once, for whoever is about to end. */
export function removeTreeSync(path: string): void {
  // Without a directory to be in, it is not there either.
  if (!existsSync(dirname(path))) return;
  const parent = openSync(dirname(path), openFlags.directoryHandle);
  try {
    removeTreeBelow(parent, fromUtf8(basename(path)));
  } finally {
    closeSync(parent);
  }
}

/**
 * Removes `name` and everything in it from an open directory. Never follows a link: Node's own `rm` looks at a path
 * twice, and what is a directory at first can be a link to another place at the second look.
 */
export function removeTreeBelow(parentFd: number, name: BytePath): void {
  const path = below(parentFd, name);
  try {
    if (!lstatSync(path).isDirectory()) {
      unlinkSync(path);
      return;
    }
    emptyDirectory(path);
    rmdirSync(path);
  } catch (error) {
    if (systemErrorCode(error) !== "ENOENT") throw error;
  }
}

function emptyDirectory(path: Buffer): void {
  const fd = openSync(path, openFlags.directoryHandle);
  try {
    // Its mode may be the exported one already.
    chmodSync(ofDescriptor(fd), 0o700);
    for (const name of readdirSync(ofDescriptor(fd), { encoding: "buffer" }))
      removeTreeBelow(fd, fromBuffer(name));
  } finally {
    closeSync(fd);
  }
}
