import { displayPath } from "../../model/byte-path.ts";
import { plainPath, workspaceRoot } from "../../model/guest-path.ts";
import type { BytePath } from "../../model/tree.ts";

/** `path`, absolute or relative to /workspace, as the guest's whole root knows it; else `invalid_argument`. */
export function rootPath(path: string): BytePath {
  const absolute = path.startsWith("/") ? path : `${workspaceRoot}/${path}`;
  return plainPath(absolute, path, 'Name an absolute path of the guest, without "..".');
}

/** A path of the root as people see it. */
export function shownRootPath(path: BytePath): string {
  return path === "" ? "/" : `/${displayPath(path, 4096)}`;
}
