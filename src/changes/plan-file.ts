import type { BytePath } from "../model/tree.ts";
import { applyDelta } from "./apply-delta.ts";
import { type AppliedHunks, applyHunks, type HunkResult } from "./apply-hunks.ts";
import { blobId } from "./git-objects.ts";
import { conflict, quoteBytes, refused } from "./patch-errors.ts";
import { type FilePatch, patchLimits } from "./patch-model.ts";
import type { PatchTarget, PlannedFile, PlannedTree } from "./planned-tree.ts";

export interface PlannedChange {
  readonly path: BytePath;
  /** Only for `renamed` and `copied`. */
  readonly oldPath?: BytePath;
  readonly kind: "added" | "modified" | "deleted" | "renamed" | "copied" | "mode";
  readonly hunks: readonly HunkResult[];
  /** The patch had other line ends than the file; the file's were kept. */
  readonly lineEndsAdapted: boolean;
  /** The file had no newline at its end, and has one now that the patch did not mention. */
  readonly endsNewly: boolean;
}

/** A file of the patch with its names decided. */
export interface FilePlan {
  readonly patch: FilePatch;
  readonly oldPath: BytePath;
  readonly newPath: BytePath;
  /** Whether nothing stays at `oldPath`. */
  readonly removes: boolean;
}

export interface PlanContext {
  readonly tree: PlannedTree;
  /** What this series removes, sooner or later: places that others may take. */
  readonly removed: ReadonlySet<BytePath>;
  /** What is left for the whole patch. */
  readonly budget: { comparisons: number; bytes: number };
}

const linkMode = 0o120000;
const linkTextBytesMax = 4095;

/** Plans one file of the patch in `context.tree`. */
export async function planFile(plan: FilePlan, context: PlanContext): Promise<PlannedChange> {
  const { patch, oldPath, newPath } = plan;
  if (patch.lacksContent)
    throw refused(
      `${quoteBytes(newPath)}: the patch says that this binary file differs, but not how`,
      'Make the patch with "git diff --binary".',
    );
  requireOneType(plan);
  if (patch.kind === "create") return planCreation(plan, context);
  const before = await readBefore(plan, context.tree);
  requireSameType(plan, before);
  if (patch.kind === "delete") return planDeletion(plan, { before: before.content, context });
  const applied = applyBody(plan, { before: before.content, context });
  if (oldPath !== newPath) await requireFree(newPath, patch, context);
  const after = resultOf(plan, before, applied);
  if (patch.kind !== "modify") {
    // Another file may have taken the place already, when two change places.
    if (plan.removes && (await context.tree.current(oldPath)) === before)
      context.tree.remove(oldPath);
    context.tree.put(newPath, after);
    return describe(patch.kind === "rename" ? "renamed" : "copied", plan, applied);
  }
  context.tree.edit(newPath, after);
  const isSame = after.content.equals(before.content);
  return describe(isSame && after.mode !== before.mode ? "mode" : "modified", plan, applied);
}

/** A section that deletes names the file alone; a diff has to name all of its lines. */
function planDeletion(plan: FilePlan, options: BodyOptions): PlannedChange {
  const { patch, oldPath } = plan;
  const applied =
    patch.style === "envelope" ? unaltered(Buffer.alloc(0)) : applyBody(plan, options);
  if (applied.content.length > 0)
    throw conflict(`${quoteBytes(oldPath)} has content that the patch does not delete`);
  options.context.tree.remove(oldPath);
  return describe("deleted", plan, applied);
}

async function planCreation(plan: FilePlan, context: PlanContext): Promise<PlannedChange> {
  const { patch, newPath } = plan;
  if (patch.hunks.some(({ oldCount }) => oldCount > 0))
    throw conflict(`${quoteBytes(newPath)} is new, but the patch has old lines for it`);
  const applied = applyBody(plan, { before: Buffer.alloc(0), context });
  await refuseAppliedCreation(newPath, applied.content, context);
  await requireFree(newPath, patch, context);
  const isLink = patch.newMode === linkMode;
  const mode = isLink ? 0o777 : (patch.newMode ?? 0o644) & 0o100 ? 0o755 : 0o644;
  if (isLink) requireLinkText(newPath, applied.content);
  context.tree.put(newPath, { type: isLink ? "symlink" : "file", mode, content: applied.content });
  return describe("added", plan, applied);
}

/** A new file that is there as the patch wants it: worth a better message than that it exists. */
async function refuseAppliedCreation(
  path: BytePath,
  content: Buffer,
  { tree, removed }: PlanContext,
): Promise<void> {
  if (removed.has(path) || tree.doneInSeries(path) !== "nothing") return;
  const there = await tree.current(path);
  if (there?.type !== "file" || !there.content.equals(content)) return;
  throw conflict(
    `${quoteBytes(path)} exists already, with the content the patch gives it`,
    "The patch looks already applied.",
  );
}

/** A change of type without deletion and creation would turn a file's text into a link's. */
function requireOneType({ patch, newPath }: FilePlan): void {
  const { oldMode, newMode } = patch;
  if (oldMode === undefined || newMode === undefined) return;
  if ((oldMode === linkMode) !== (newMode === linkMode))
    throw refused(`${quoteBytes(newPath)} would become another type without being deleted first`);
}

async function readBefore({ patch, oldPath }: FilePlan, tree: PlannedTree): Promise<PatchTarget> {
  const movesOriginal = patch.kind === "rename" || patch.kind === "copy";
  const removedBefore = tree.doneInSeries(oldPath) === "removed";
  if (removedBefore && patch.kind !== "copy")
    throw refused(`${quoteBytes(oldPath)} is removed by the patch, and then changed again`);
  const before = await (movesOriginal ? tree.source(oldPath) : tree.current(oldPath));
  if (before !== undefined) return before;
  throw conflict(
    `${quoteBytes(oldPath)} does not exist (line ${patch.lineNumber} of the patch)`,
    patch.kind === "delete"
      ? "The patch looks already applied."
      : "Names are relative to the workspace; a first component like a/ is dropped when that fits.",
  );
}

/** A link's text is altered only by a patch that knows it is one. */
function requireSameType({ patch, oldPath }: FilePlan, before: PatchTarget): void {
  if (before.type !== "file" && before.type !== "symlink")
    throw conflict(`${quoteBytes(oldPath)} is a ${before.type.replaceAll("_", " ")}`);
  const saidMode = patch.oldMode ?? patch.newMode;
  const movesOnly =
    patch.hunks.length === 0 && patch.binary === undefined && saidMode === undefined;
  if (movesOnly && (patch.kind !== "delete" || patch.style === "envelope")) return;
  if ((saidMode === linkMode) === (before.type === "symlink")) return;
  if (before.type === "symlink")
    throw refused(`${quoteBytes(oldPath)} is a symbolic link, which the patch does not say`);
  throw conflict(`${quoteBytes(oldPath)} is a file, where the patch expects a symbolic link`);
}

async function requireFree(
  path: BytePath,
  { lineNumber }: FilePatch,
  { tree, removed }: PlanContext,
): Promise<void> {
  if (tree.doneInSeries(path) === "written")
    throw refused(`Line ${lineNumber} of the patch makes ${quoteBytes(path)} a second time`);
  const there = await tree.current(path);
  if (there === undefined || removed.has(path)) return;
  // Whether it becomes empty only the agent can say; it refuses to replace a directory that does not.
  const isBeneath = (gone: BytePath): boolean => gone.startsWith(`${path}/`);
  if (there.type === "directory" && (removed.values().some(isBeneath) || tree.removesBeneath(path)))
    return;
  throw conflict(
    `${quoteBytes(path)} exists already (line ${lineNumber} of the patch)`,
    "The patch makes it a new file.",
  );
}

interface BodyOptions {
  readonly before: Buffer;
  readonly context: PlanContext;
}

function applyBody(plan: FilePlan, { before, context }: BodyOptions): AppliedHunks {
  const { patch, oldPath } = plan;
  const { budget } = context;
  const applied =
    patch.binary === undefined
      ? applyHunks(before, patch.hunks, { path: oldPath, budget })
      : unaltered(applyBinary(plan, before));
  budget.bytes -= applied.content.length;
  if (budget.bytes < 0)
    throw refused(`The patch makes more than ${patchLimits.plannedBytes} bytes of files`);
  return applied;
}

function unaltered(content: Buffer): AppliedHunks {
  return { content, hunks: [], lineEndsAdapted: false, endsNewly: false };
}

/** A binary change fits one content only, the one whose id it names. */
function applyBinary({ patch, oldPath }: FilePlan, before: Buffer): Buffer {
  const { binary, oldId, newId, lineNumber, kind } = patch;
  if (binary === undefined) return before;
  const mismatch = (): Error =>
    conflict(
      `${quoteBytes(oldPath)} is not the binary file the patch was made for`,
      newId === blobId(before) ? "The patch looks already applied." : undefined,
    );
  if (kind !== "create") {
    if (oldId?.length !== 40 || newId?.length !== 40)
      throw refused(
        `${quoteBytes(oldPath)}: a binary change without the full ids of both contents`,
        'Make the patch with "git diff --binary".',
      );
    if (blobId(before) !== oldId) throw mismatch();
  }
  if (binary.kind === "literal") return binary.bytes;
  const sizeBytesMax = patchLimits.binaryBytes;
  const content = applyDelta(before, binary.bytes, { lineNumber, sizeBytesMax });
  if (content === undefined) throw mismatch();
  return content;
}

function resultOf(
  { patch, newPath }: FilePlan,
  before: PatchTarget,
  applied: AppliedHunks,
): PlannedFile {
  const { content } = applied;
  if (before.type === "symlink") {
    requireLinkText(newPath, content);
    return { type: "symlink", mode: before.mode, content };
  }
  return { type: "file", mode: modeAfter(before.mode, patch.newMode), content };
}

/** A patch speaks of the executable bit alone; the other permissions stay. */
function modeAfter(mode: number, newMode: number | undefined): number {
  if (newMode === undefined) return mode;
  const isExecutable = (newMode & 0o100) !== 0;
  if (isExecutable === ((mode & 0o100) !== 0)) return mode;
  // Whoever may read it may run it.
  return isExecutable ? mode | 0o100 | ((mode & 0o044) >> 2) : mode & ~0o111;
}

function requireLinkText(path: BytePath, text: Buffer): void {
  if (text.length > 0 && text.length <= linkTextBytesMax && !text.includes(0)) return;
  throw refused(`${quoteBytes(path)} would become a symbolic link with an impossible text`);
}

function describe(
  kind: PlannedChange["kind"],
  { oldPath, newPath }: FilePlan,
  { hunks, lineEndsAdapted, endsNewly }: AppliedHunks,
): PlannedChange {
  const moved = kind === "renamed" || kind === "copied" ? { oldPath } : {};
  return { path: newPath, ...moved, kind, hunks, lineEndsAdapted, endsNewly };
}
