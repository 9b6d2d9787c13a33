import { mkdir, open } from "node:fs/promises";
import { join } from "node:path";
import { temporaryNeighbour } from "../platform/files.ts";
import { removeTree } from "../platform/remove-tree.ts";
import { runTool } from "../platform/tools.ts";
import { captureDisk } from "./capture-disk.ts";
import type { DiskContent } from "./disk-content.ts";
import { ext4Features } from "./ext4-format.ts";

export interface BlankDiskOptions {
  /** A UUID. Default: that of all blank disks, which are copies of one. */
  readonly identifier?: string;
}

/** Makes an empty ext4 file system of `diskBytes`; works beside `path` and leaves nothing there. */
export async function formatBlankDisk(
  path: string,
  diskBytes: number,
  { identifier = "00000000-0000-4000-8000-000000000000" }: BlankDiskOptions = {},
): Promise<DiskContent> {
  const directory = temporaryNeighbour(path);
  await mkdir(directory, { mode: 0o700 });
  try {
    const image = join(directory, "disk");
    const file = await open(image, "wx", 0o600);
    await file.truncate(diskBytes);
    await file.close();
    // Nothing is left for the guest's kernel to initialize in the background.
    const extended = "lazy_itable_init=0,lazy_journal_init=0,nodiscard,root_owner=0:0";
    await runTool("mke2fs", [...ext4Features, "-E", extended, "-U", identifier, image], {
      packageName: "e2fsprogs",
    });
    return await captureDisk(image, diskBytes);
  } finally {
    await removeTree(directory);
  }
}
