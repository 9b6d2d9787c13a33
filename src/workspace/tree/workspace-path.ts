import { checkRelativePath, displayPath, fromUtf8 } from "../../model/byte-path.ts";
import { PyroError } from "../../model/errors.ts";
import type { BytePath } from "../../model/tree.ts";

const root = "/workspace";

/** `path`, relative to /workspace or absolute below it, as the tree knows it; else `invalid_argument`. */
export function treePath(path: string): BytePath {
  const isBelow = path === root || path.startsWith(`${root}/`);
  if (path.startsWith("/") && !isBelow)
    throw new PyroError("invalid_argument", `"${path}" is not below ${root}.`, {
      hint: `Name a path below ${root}; other files of the guest are reached with: pyro workspace exec ID -- cat ${path}`,
    });
  const relative = (isBelow ? path.slice(root.length) : path)
    .split("/")
    .filter((component) => component !== "" && component !== ".")
    .join("/");
  if (relative === "") return "";
  const tree = fromUtf8(relative);
  const refusal = checkRelativePath(tree);
  if (refusal === undefined) return tree;
  throw new PyroError("invalid_argument", `"${path}" cannot be used: ${refusal}.`, {
    hint: `Name a path below ${root}, without "..".`,
  });
}

/** A path of the tree as people see it. */
export function guestPath(path: BytePath): string {
  return path === "" ? root : `${root}/${displayPath(path, 4096)}`;
}
