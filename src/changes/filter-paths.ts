import { parentPath } from "../model/byte-path.ts";
import type { BytePath } from "../model/tree.ts";
import type { TreeChange } from "./tree-change.ts";

export type PathFilter = (path: BytePath) => boolean;

/**
 * True for every path of the list and everything beneath it. `./` in front and `/` at the end mean nothing; `.` and
 * the empty path are the whole tree. An empty list matches nothing.
 */
export function makePathFilter(paths: readonly BytePath[]): PathFilter {
  const wanted = new Set(paths.map(withoutDecoration));
  if (wanted.has("")) return () => true;
  return (path) => {
    for (let at = path; at !== ""; at = parentPath(at)) if (wanted.has(at)) return true;
    return false;
  };
}

/** The changes at or beneath one of `paths`; a rename belongs to both its places. */
export function filterChanges(
  changes: readonly TreeChange[],
  paths: readonly BytePath[],
): TreeChange[] {
  const matches = makePathFilter(paths);
  return changes.filter(
    ({ path, oldPath }) => matches(path) || (oldPath !== undefined && matches(oldPath)),
  );
}

function withoutDecoration(path: BytePath): BytePath {
  const bare = path.replace(/^(?:\.\/+)+/, "").replace(/\/+$/, "");
  return bare === "." ? "" : bare;
}
