import type { BytePath } from "../model/tree.ts";
import { isInGitDirectory } from "./git-directory.ts";
import { quoteBytes, refused } from "./patch-errors.ts";
import type { FilePatch } from "./patch-model.ts";

const pathBytesMax = 4095;
const componentBytesMax = 255;
const componentsMax = 1000;

export const submoduleHint =
  "Leave it out of the patch: git diff --ignore-submodules=all, or git diff -- . ':(exclude)NAME'.";

/** Throws `patch_refused` for names and modes that no patch may have, whatever the tree looks like. */
export function refuseUnsafePatch(file: FilePatch): void {
  const { oldName, newName, exactOldName, exactNewName } = file;
  for (const name of [oldName, newName, exactOldName, exactNewName]) {
    const reason = name === undefined ? undefined : unsafePathReason(name);
    if (reason !== undefined)
      throw refused(`Line ${file.lineNumber} of the patch: ${quoteBytes(name ?? "")} ${reason}`);
  }
  for (const mode of [file.oldMode, file.newMode]) {
    const reason = mode === undefined ? undefined : unsafeModeReason(mode);
    if (reason !== undefined)
      throw refused(
        `Line ${file.lineNumber} of the patch: mode ${mode?.toString(8)} ${reason}`,
        isSubmodule(mode) ? submoduleHint : undefined,
      );
  }
}

/** Why a patch may not name `path`, as half a sentence; undefined when it may. */
export function unsafePathReason(path: BytePath): string | undefined {
  if (path === "") return "is empty";
  if (path.startsWith("/")) return "is absolute";
  if (path.includes("\0")) return "contains NUL";
  if (path.endsWith("/")) return "is a directory";
  const components = path.split("/");
  if (components.includes("..")) return 'contains ".."';
  if (isInGitDirectory(path)) return "is inside a .git directory";
  if (path.length > pathBytesMax || components.length > componentsMax) return "is too long";
  if (components.some(({ length }) => length > componentBytesMax)) return "has a too long name";
  return undefined;
}

function isSubmodule(mode: number | undefined): boolean {
  return mode !== undefined && (mode & ~0o7777) === 0o160000;
}

function unsafeModeReason(mode: number): string | undefined {
  const type = mode & ~0o7777;
  if (isSubmodule(mode)) return "is a submodule, which pyro does not follow";
  if (type === 0o040000) return "is a directory";
  if (type === 0o120000) return (mode & 0o7777) === 0 ? undefined : "is unknown";
  if (type !== 0o100000) return "is neither a file nor a symbolic link";
  return mode & 0o7000 ? "sets special permissions" : undefined;
}
