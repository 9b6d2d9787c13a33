import { PyroError } from "../model/errors.ts";

const sqliteFull = 13;

/** SQLite's complaint about a full disk as the error with the way out; anything else as it is. */
export function namingFullDatabase(error: unknown, path: string): unknown {
  const isFull = error instanceof Error && "errcode" in error && error.errcode === sqliteFull;
  return isFull ? noRoomFor(path, error) : error;
}

export function noRoomFor(path: string, cause: unknown): PyroError {
  return new PyroError("host_no_space", `No room left on the disk of ${path}.`, {
    hint: "Free some room, for example with: pyro env prune",
    cause,
  });
}
