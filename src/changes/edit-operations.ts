import { createHash } from "node:crypto";
import type { BytePath } from "../model/tree.ts";
import type { PatchTarget, PlannedFile, PlannedTree } from "./planned-tree.ts";
import { byPath } from "./tree-change.ts";

/** One step of `POST /v1/tree/edit`. */
export type EditOperation =
  | {
      readonly op: "write";
      readonly path: BytePath;
      /** Absent: what is replaced keeps its own. */
      readonly mode?: number;
      readonly content: Buffer;
      /** SHA-256 in hex of what must be there; null when nothing may be. */
      readonly expect: string | null;
    }
  | {
      readonly op: "symlink";
      readonly path: BytePath;
      readonly target: BytePath;
      readonly expect: string | null;
    }
  | { readonly op: "delete"; readonly path: BytePath; readonly expect: string | null }
  | {
      readonly op: "mode";
      readonly path: BytePath;
      readonly mode: number;
      readonly expect: string | null;
    };

/** The steps from the tree as it is to the planned one: deletions first, then in the order of the paths. */
export async function editOperations(tree: PlannedTree): Promise<EditOperation[]> {
  const operations: EditOperation[] = [];
  for (const [path, planned] of tree.results) {
    const original = await tree.original(path);
    const operation =
      planned === null ? deletion(path, original) : placement(path, original, planned);
    if (operation) operations.push(operation);
  }
  const isLate = ({ op }: EditOperation): number => (op === "delete" ? 0 : 1);
  return operations.sort((left, right) => isLate(left) - isLate(right) || byPath(left, right));
}

function deletion(path: BytePath, original: PatchTarget | undefined): EditOperation | undefined {
  return original && { op: "delete", path, expect: expectationOf(original) };
}

function placement(
  path: BytePath,
  original: PatchTarget | undefined,
  planned: PlannedFile,
): EditOperation | undefined {
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
