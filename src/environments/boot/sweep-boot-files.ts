import { readdir, rm } from "node:fs/promises";
import { basename, join } from "node:path";
import { tryLock } from "../../platform/lock.ts";
import { removeTree } from "../../platform/remove-tree.ts";
import { isInitramfsName } from "./boot-files.ts";
import { type BootFilesPlace, recordedBootFiles } from "./ensure-boot-files.ts";
import { isKernelDirectory, kernelDirectory } from "./kernel-choice.ts";

/**
 * Removes the kernels with other modules than are wanted now, and what earlier guest agents were packed into, unless boot files are
 * being made at the moment.
 */
export async function sweepBootFiles(place: BootFilesPlace): Promise<void> {
  const root = join(place.cacheDirectory, "boot");
  const names = await readdir(root).catch(() => []);
  if (names.length === 0) return;
  using lock = await tryLock(join(root, "lock"));
  if (lock === undefined) return;
  const recorded = await recordedBootFiles(place);
  const kept = [kernelDirectory(), basename(recorded?.initramfsPath ?? "")];
  for (const name of names) {
    if (kept.includes(name)) continue;
    if (isKernelDirectory(name)) await removeTree(join(root, name));
    else if (isInitramfsName(name)) await rm(join(root, name), { force: true });
  }
}
