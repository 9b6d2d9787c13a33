import type { BytePath } from "../model/tree.ts";
import { diffLimits } from "./diff-limits.ts";
import { isInGitDirectory } from "./git-directory.ts";
import { gitMode } from "./git-objects.ts";
import type { TreeChange } from "./tree-change.ts";

const mebibyte = 1024 * 1024;

/** Something about a change that no git patch can carry. */
export interface PatchOmission {
  readonly path: BytePath;
  /** Whether the patch says nothing of this path at all. */
  readonly isWhole: boolean;
  /** Half a sentence, for example "an empty directory". */
  readonly reason: string;
}

/** What a patch leaves out of `changes`. */
export function patchOmissions(changes: Iterable<TreeChange>): PatchOmission[] {
  const omissions: PatchOmission[] = [];
  for (const change of changes) {
    const omission = patchOmission(change);
    if (omission) omissions.push(omission);
  }
  return omissions;
}

/** What a patch leaves out of `change`, or undefined when it carries all of it. */
export function patchOmission(change: TreeChange): PatchOmission | undefined {
  const { path, oldPath } = change;
  const whole = (reason: string): PatchOmission => ({ path, reason, isWhole: true });
  const part = (reason: string): PatchOmission => ({ path, reason, isWhole: false });
  const oldMode = gitMode(change.oldType, change.oldMode);
  const newMode = gitMode(change.newType, change.newMode);
  if (isInGitDirectory(path) || (oldPath !== undefined && isInGitDirectory(oldPath)))
    return whole("inside a .git directory, which git refuses to patch");
  if (isTooLarge(change))
    return whole(
      `larger than the ${diffLimits.contentBytes / mebibyte} MiB that a patch may carry`,
    );
  if (oldMode === null && newMode === null)
    return whole(`a ${(change.newType ?? change.oldType ?? "file").replaceAll("_", " ")}`);
  if (change.newType !== null && newMode === null && change.newType !== "directory")
    return part(`a ${change.newType.replaceAll("_", " ")}`);
  return losesPermissions(change)
    ? part(`permissions ${((change.newMode ?? 0) & 0o7777).toString(8).padStart(4, "0")}`)
    : undefined;
}

/** A file that only moved, or only became executable, needs no content. */
function isTooLarge({ newType, size, oldSize, oldDigest, newDigest }: TreeChange): boolean {
  if (Math.max(size, oldSize) <= diffLimits.contentBytes) return false;
  return newType !== "file" || oldDigest === null || oldDigest !== newDigest;
}

/** git keeps one bit of the permissions; the others matter when they are changed, or unusual. */
function losesPermissions({ newType, oldType, oldMode, newMode }: TreeChange): boolean {
  if (newType !== "file" || newMode === null) return false;
  if (oldType === "file" && oldMode !== null)
    return oldMode !== newMode && ((oldMode ^ newMode) & 0o100) === 0;
  return newMode !== 0o644 && newMode !== 0o755;
}
