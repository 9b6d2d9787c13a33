import { displayPath } from "../../model/byte-path.ts";
import { PyroError } from "../../model/errors.ts";
import { plainPath, workspaceRoot as root } from "../../model/guest-path.ts";
import type { BytePath } from "../../model/tree.ts";

/** `path`, relative to /workspace or absolute below it, as the tree knows it; else `invalid_argument`. */
export function treePath(path: string): BytePath {
  const isBelow = path === root || path.startsWith(`${root}/`);
  if (path.startsWith("/") && !isBelow)
    throw new PyroError("invalid_argument", `"${path}" is not below ${root}.`, {
      hint: `Name a path below ${root}; other files of the guest are reached with: pyro workspace exec ID -- cat ${path}`,
    });
  const relative = isBelow ? path.slice(root.length) : path;
  return plainPath(relative, path, `Name a path below ${root}, without "..".`);
}

/** A path of the tree as people see it. */
export function guestPath(path: BytePath): string {
  return path === "" ? root : `${root}/${displayPath(path, 4096)}`;
}
