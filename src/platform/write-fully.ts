import { write, writeSync } from "node:fs";

// The kernel may take less than it is given, most of all when a disk is about to be full.

/** Smaller writes go to the page cache at once; larger ones must not hold up everything else. */
const asyncBytes = 128 * 1024;

/** Writes all of `bytes` at `position`. */
export async function writeFully(fd: number, bytes: Buffer, position: number): Promise<void> {
  for (let at = 0; at < bytes.length; ) {
    const rest = bytes.subarray(at);
    at +=
      rest.length < asyncBytes
        ? writeSync(fd, rest, 0, rest.length, position + at)
        : await writeSome(fd, rest, position + at);
  }
}

/** The same at once; without a position it goes on where the file is. */
export function writeFullySync(fd: number, bytes: Buffer, position?: number): void {
  for (let at = 0; at < bytes.length; )
    at += writeSync(
      fd,
      bytes,
      at,
      bytes.length - at,
      position === undefined ? null : position + at,
    );
}

function writeSome(fd: number, bytes: Buffer, position: number): Promise<number> {
  return new Promise((resolve, reject) => {
    write(fd, bytes, 0, bytes.length, position, (error, count) => {
      if (error) reject(error);
      else resolve(count);
    });
  });
}
