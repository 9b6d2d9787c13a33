import { accessSync, constants } from "node:fs";
import { join } from "node:path";

/** The first program `name` in the directories of `searchPath`. */
export function findProgram(name: string, searchPath: string): string | undefined {
  return searchPath
    .split(":")
    .filter(Boolean)
    .map((directory) => join(directory, name))
    .find(isExecutable);
}

export function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
