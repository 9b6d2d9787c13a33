import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { tryLock } from "../../platform/lock.ts";
import { removeTree } from "../../platform/remove-tree.ts";
import type { BootFilesOptions } from "./boot-files.ts";
import { isKernelDirectory, kernelDirectory } from "./kernel-choice.ts";

/** Removes the kernels with other modules than are wanted now, unless boot files are being made at the moment. */
export async function sweepKernels({
  cacheDirectory,
}: Pick<BootFilesOptions["config"], "cacheDirectory">): Promise<void> {
  const root = join(cacheDirectory, "boot");
  const names = (await readdir(root).catch(() => [])).filter(isKernelDirectory);
  const others = names.filter((name) => name !== kernelDirectory());
  if (others.length === 0) return;
  using lock = await tryLock(join(root, "lock"));
  if (lock === undefined) return;
  for (const name of others) await removeTree(join(root, name));
}
