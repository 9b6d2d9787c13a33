// Exports 200 files of 20 kB to its argument, after saying that it begins.
import type { TreeItem } from "../../../src/model/tree.ts";
import { writeTree } from "../../../src/trees/write-tree.ts";
import { directory, file } from "./support.ts";

const content = Buffer.alloc(20_000, "x");

async function* items(): AsyncGenerator<TreeItem> {
  yield directory("");
  for (let index = 0; index < 200; index++) yield file(`f${index}`, [content]);
}

process.once("disconnect", () => process.exit());
process.send?.("begin");
await writeTree(items(), { destination: process.argv[2] ?? "" });
// Lives on, so that it is always killed.
setInterval(() => undefined, 1000);
