import type { BytePath, TreeEdit } from "../model/tree.ts";
import { editOperations } from "./edit-operations.ts";
import { refused } from "./patch-errors.ts";
import { type FilePatch, patchLimits } from "./patch-model.ts";
import { type FilePlan, type PlannedChange, planFile } from "./plan-file.ts";
import { PlannedTree, type ReadTarget } from "./planned-tree.ts";
import { chooseStrip, type Strip, stripName } from "./resolve-names.ts";

export interface PatchPlan {
  /** All or nothing for `POST /v1/tree/edit`. */
  readonly operations: readonly TreeEdit[];
  /** One a file of the patch, in its order. */
  readonly changes: readonly PlannedChange[];
}

export interface PlanOptions {
  /** Leading components to drop from names. Default: whatever fits the tree, see `chooseStrip`. */
  readonly strip?: Strip | undefined;
}

/** What to do so that the tree is as the patch wants it; throws `patch_conflict` or `patch_refused` when any part does not fit. */
export async function planPatch(
  patches: readonly FilePatch[],
  readFile: ReadTarget,
  options: PlanOptions = {},
): Promise<PatchPlan> {
  const tree = new PlannedTree(readFile);
  const exists = async (path: BytePath): Promise<boolean> =>
    (await tree.original(path)) !== undefined;
  const strip = options.strip ?? (await chooseStrip(patches, exists));
  const budget = { comparisons: patchLimits.lineComparisons, bytes: patchLimits.plannedBytes };
  const changes: PlannedChange[] = [];
  for (const series of bySeries(patches)) {
    const plans: FilePlan[] = [];
    for (const patch of series) plans.push(await nameFile(patch, { strip, tree }));
    const removed = new Set(plans.flatMap((plan) => (plan.removes ? [plan.oldPath] : [])));
    for (const plan of plans) changes.push(await planFile(plan, { tree, removed, budget }));
    tree.endSeries();
  }
  await tree.requireRealDirectories();
  return { operations: await editOperations(tree), changes };
}

function bySeries(patches: readonly FilePatch[]): Iterable<readonly FilePatch[]> {
  return Map.groupBy(patches, ({ series }) => series).values();
}

interface NameOptions {
  readonly strip: Strip;
  readonly tree: PlannedTree;
}

async function nameFile(patch: FilePatch, { strip, tree }: NameOptions): Promise<FilePlan> {
  const path = (name: BytePath | undefined): BytePath | undefined =>
    name === undefined ? undefined : stripName(name, strip);
  const oldPath = patch.exactOldName ?? path(patch.oldName);
  const newPath = patch.exactNewName ?? path(patch.newName);
  const removes = patch.kind === "delete" || patch.kind === "rename";
  const only = oldPath ?? newPath;
  if (only === undefined || only === "" || newPath === "")
    throw refused(`Line ${patch.lineNumber} of the patch names no file`);
  if (patch.kind === "rename" || patch.kind === "copy" || oldPath === newPath)
    return { patch, removes, oldPath: only, newPath: newPath ?? only };
  if (patch.kind === "create") return sameName(patch, newPath ?? only);
  const target = await choosePlainTarget(tree, only, newPath ?? only);
  return { ...sameName(patch, target), removes };
}

function sameName(patch: FilePatch, path: BytePath): FilePlan {
  return { patch, removes: false, oldPath: path, newPath: path };
}

/** `diff -u x.orig x` has two names for one file: the one that exists; of two such the shorter, as git chooses. */
async function choosePlainTarget(
  tree: PlannedTree,
  oldPath: BytePath,
  newPath: BytePath,
): Promise<BytePath> {
  const [oldThere, newThere] = [await tree.current(oldPath), await tree.current(newPath)];
  if (oldThere === undefined) return newPath;
  return newThere === undefined || oldPath.length < newPath.length ? oldPath : newPath;
}
