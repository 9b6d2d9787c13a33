import { checkRelativePath, fromUtf8 } from "./byte-path.ts";
import { PyroError } from "./errors.ts";
import type { BytePath } from "./tree.ts";

/** Where a workspace's tree is in its guest. */
export const workspaceRoot = "/workspace";

/** `path`, below a tree, as the tree knows it. `given` is what the caller said. */
export function plainPath(path: string, given: string, hint: string): BytePath {
  const relative = path
    .split("/")
    .filter((component) => component !== "" && component !== ".")
    .join("/");
  if (relative === "") return "";
  const tree = fromUtf8(relative);
  const refusal = checkRelativePath(tree);
  if (refusal === undefined) return tree;
  throw new PyroError("invalid_argument", `"${given}" cannot be used: ${refusal}.`, { hint });
}
