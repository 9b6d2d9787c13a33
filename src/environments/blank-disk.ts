import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { writeFileAtomically } from "../platform/files.ts";
import { acquireLock } from "../platform/lock.ts";
import { DiskContent } from "./disk-content.ts";

/** Size of every machine's disk as the guest sees it; the file on the host is sparse. */
export const diskBytes = 32 * 1024 ** 3;

/** Changes when the format of disk contents or the options of mke2fs do. */
export const blankDiskVersion = 2;

/** One empty ext4 file system from the cache, made with mke2fs when it is missing. */
export async function ensureBlankDisk(cacheDirectory: string): Promise<DiskContent> {
  const path = join(cacheDirectory, `blank-disk-${blankDiskVersion}.bin`);
  const found = await readDiskContent(path);
  if (found !== undefined) return found;
  using _lock = await acquireLock(`${path}.lock`);
  const { formatBlankDisk } = await import("./format-blank-disk.ts");
  const made = await formatBlankDisk(path, diskBytes);
  await writeFileAtomically(path, made.encode());
  return made;
}

/** The disk content in `path`, or undefined when there is none. */
export async function readDiskContent(path: string): Promise<DiskContent | undefined> {
  const bytes = await readFile(path).catch(() => undefined);
  return bytes && DiskContent.decode(bytes);
}
