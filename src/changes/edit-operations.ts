import { createHash } from "node:crypto";
import type { BytePath, TreeEdit } from "../model/tree.ts";
import type { PatchTarget, PlannedFile, PlannedTree } from "./planned-tree.ts";
import { byPath } from "./tree-change.ts";

/** The steps from the tree as it is to the planned one: deletions first, then in the order of the paths. */
export async function editOperations(tree: PlannedTree): Promise<TreeEdit[]> {
  const operations: TreeEdit[] = [];
  for (const [path, planned] of tree.results) {
    const original = await tree.original(path);
    const operation =
      planned === null ? deletion(path, original) : placement(path, original, planned);
    if (operation) operations.push(operation);
  }
  const isLate = ({ op }: TreeEdit): number => (op === "delete" ? 0 : 1);
  return operations.sort((left, right) => isLate(left) - isLate(right) || byPath(left, right));
}

function deletion(path: BytePath, original: PatchTarget | undefined): TreeEdit | undefined {
  return original && { op: "delete", path, expect: expectationOf(original) };
}

function placement(
  path: BytePath,
  original: PatchTarget | undefined,
  planned: PlannedFile,
): TreeEdit | undefined {
  const expect = expectationOf(original);
  const sameContent = original?.type === planned.type && planned.content.equals(original.content);
  if (planned.type === "symlink") {
    const target = planned.content.toString("latin1");
    return sameContent ? undefined : { op: "symlink", path, target, expect };
  }
  const sameMode = original?.type === "file" && original.mode === planned.mode;
  if (!sameContent) {
    const mode = sameMode ? {} : { mode: planned.mode };
    return { op: "write", path, ...mode, content: planned.content, expect };
  }
  return sameMode ? undefined : { op: "mode", path, mode: planned.mode, expect };
}

function expectationOf(original: PatchTarget | undefined): string | null {
  if (original?.type !== "file" && original?.type !== "symlink") return null;
  return createHash("sha256").update(original.content).digest("hex");
}
