import { mkdir, open, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { temporaryNeighbour, writeFileAtomically } from "../platform/files.ts";
import { acquireLock } from "../platform/lock.ts";
import { runTool } from "../platform/tools.ts";
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
  const made = await formatBlankDisk(path);
  await writeFileAtomically(path, made.encode());
  return made;
}

/** The disk content in `path`, or undefined when there is none. */
export async function readDiskContent(path: string): Promise<DiskContent | undefined> {
  const bytes = await readFile(path).catch(() => undefined);
  return bytes && DiskContent.decode(bytes);
}

async function formatBlankDisk(path: string): Promise<DiskContent> {
  const directory = temporaryNeighbour(path);
  await mkdir(directory, { mode: 0o700 });
  try {
    const image = join(directory, "disk");
    const file = await open(image, "wx", 0o600);
    await file.truncate(diskBytes);
    await file.close();
    const features = [
      "-t",
      "ext4",
      "-q",
      "-F",
      "-m",
      "0",
      "-b",
      "4096",
      "-i",
      "32768",
      "-J",
      "size=64",
      "-O",
      "^resize_inode",
    ];
    // Nothing is left for the guest's kernel to initialize in the background.
    const extended = "lazy_itable_init=0,lazy_journal_init=0,nodiscard,root_owner=0:0";
    const identifier = "00000000-0000-4000-8000-000000000000";
    await runTool("mke2fs", [...features, "-E", extended, "-U", identifier, image], {
      packageName: "e2fsprogs",
    });
    return await DiskContent.capture(image, diskBytes);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
