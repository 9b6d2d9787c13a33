import { compareTrees } from "../../../src/changes/compare-trees.ts";
import { findRenames } from "../../../src/changes/find-renames.ts";
import { renderDiff } from "../../../src/changes/render-diff.ts";
import type { TreeChange } from "../../../src/changes/tree-change.ts";
import { baselineOf, entriesOf, type MemoryTree, readerOf } from "./memory-tree.ts";

export async function changesOf(old: MemoryTree, now: MemoryTree): Promise<TreeChange[]> {
  const changes = await compareTrees(baselineOf(old), entriesOf(now));
  return findRenames(changes, { readOld: readerOf(old), readNew: readerOf(now) });
}

/** The whole way from two trees to a patch. */
export async function exportPatch(
  old: MemoryTree,
  now: MemoryTree,
  form: "text" | "patch" = "patch",
): Promise<Buffer> {
  const readers = { readOld: readerOf(old), readNew: readerOf(now) };
  const changes = await changesOf(old, now);
  return Buffer.concat(await Array.fromAsync(renderDiff(changes, { ...readers, form })));
}
