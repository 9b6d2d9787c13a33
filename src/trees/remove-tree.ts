import {
  chmodSync,
  closeSync,
  lstatSync,
  openSync,
  readdirSync,
  rmdirSync,
  unlinkSync,
} from "node:fs";
import { fromBuffer } from "../model/byte-path.ts";
import { systemErrorCode } from "../model/errors.ts";
import type { BytePath } from "../model/tree.ts";
import { below, ofDescriptor, openFlags } from "./descriptor-path.ts";

/**
 * Removes `name` and everything in it from an open directory. Never follows a link: Node's own `rm` looks at a path
 * twice, and what is a directory at first can be a link to another place at the second look.
 */
export function removeTree(parentFd: number, name: BytePath): void {
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
      removeTree(fd, fromBuffer(name));
  } finally {
    closeSync(fd);
  }
}
