import type { TreeItem } from "../../model/tree.ts";
import type { OnProgress } from "../machines/host.ts";

const itemsPerReport = 64;

/** The same items; how many bytes of files passed is told now and then as progress of `step`. */
export async function* reportingItems(
  items: AsyncIterable<TreeItem>,
  step: string,
  onProgress: OnProgress | undefined,
): AsyncGenerator<TreeItem> {
  let entryCount = 0;
  let completedBytes = 0;
  for await (const item of items) {
    yield item;
    entryCount++;
    completedBytes += item.entry.size;
    if (entryCount % itemsPerReport === 0) onProgress?.({ step, completedBytes });
  }
}
