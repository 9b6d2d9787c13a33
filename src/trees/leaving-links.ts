import type { BytePath } from "../model/tree.ts";

/**
 * Whether a symbolic link leads, or might lead, out of its tree. A `..` after a name counts as leaving: what it means depends on
 * whether that name is a link itself.
 */
export function leavesTree(path: BytePath, target: BytePath): boolean {
  if (target.startsWith("/")) return true;
  const components = target.split("/").filter((name) => name !== "" && name !== ".");
  const firstName = components.findIndex((name) => name !== "..");
  const leading = firstName < 0 ? components.length : firstName;
  const depth = path === "" ? 0 : path.split("/").length - 1;
  return leading > depth || components.lastIndexOf("..") >= leading;
}
