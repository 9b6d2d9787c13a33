import { accessSync, constants, lstatSync, mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { PyroError, systemErrorCode } from "../model/errors.ts";

/** Owner-only; other users of the host are hostile. */
const privateMode = 0o700;

/**
 * Makes sure `path` is a directory of ours that nobody else can enter.
 * A symlink, another owner or a writable-by-others mode is refused, never mended silently.
 */
export function ensurePrivateDirectory(path: string): void {
  refuseForeignHome(path);
  try {
    mkdirSync(dirname(path), { recursive: true });
    mkdirSync(path, { mode: privateMode });
    return;
  } catch (error) {
    const code = systemErrorCode(error);
    // EEXIST is told of a file in place of a parent, too.
    if (code !== "EEXIST" || !isEntry(path))
      throw unusable(path, `cannot be created (${code === "EEXIST" ? "ENOTDIR" : code})`, {
        hint: "Choose another place with PYRO_CACHE_DIR or PYRO_STATE_DIR.",
        cause: error,
      });
  }
  checkPrivateDirectory(path);
}

/** Root with the HOME of somebody else, as `sudo` may leave it, must not leave directories there that its owner cannot write. */
function refuseForeignHome(path: string): void {
  if (process.getuid?.() !== 0) return;
  let nearest = path;
  while (!isEntry(nearest) && nearest !== dirname(nearest)) nearest = dirname(nearest);
  const { uid } = lstatSync(nearest);
  if (nearest === path || uid === 0) return;
  throw unusable(path, `would be root's, in ${nearest}, which belongs to user ${uid}`, {
    hint: otherUser(uid),
  });
}

function otherUser(uid: number): string {
  return `Run pyro as that user (sudo -u '#${uid}' pyro …), or set PYRO_CACHE_DIR and PYRO_STATE_DIR to places of root's.`;
}

/** Whether there is anything at `path`, a dangling link included. */
function isEntry(path: string): boolean {
  try {
    return lstatSync(path) !== undefined;
  } catch {
    return false;
  }
}

/** Refuses what is there and not a directory that only we can enter; throws ENOENT where there is none. */
export function checkPrivateDirectory(path: string): void {
  const found = lstatSync(path);
  const uid = process.getuid?.() ?? 0;
  if (found.isSymbolicLink())
    throw unusable(path, "is a symbolic link", {
      hint: "Point PYRO_CACHE_DIR or PYRO_STATE_DIR at the real directory.",
    });
  if (!found.isDirectory())
    throw unusable(path, "is not a directory", {
      hint: `Move it away: mv '${path}' '${path}.old'`,
    });
  if (found.uid !== uid)
    throw unusable(path, `belongs to user ${found.uid}, not to ${uid}`, {
      hint: uid === 0 ? otherUser(found.uid) : `Give it back: sudo chown -R ${uid} '${path}'`,
    });
  if ((found.mode & 0o077) !== 0)
    throw unusable(path, `is open to other users (mode ${(found.mode & 0o777).toString(8)})`, {
      hint: `Close it: chmod 700 '${path}'`,
    });
  try {
    accessSync(path, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (error) {
    throw unusable(path, "is not writable", {
      hint: `Make it writable: chmod 700 '${path}', or remount its file system read-write.`,
      cause: error,
    });
  }
}

/** Where directories go that nothing can be made of any more, and that hold what a user may want. */
export function lostDirectory(stateDirectory: string): string {
  return join(stateDirectory, "lost");
}

/** Where servers keep the repositories they cloned, each as long as it runs. */
export function clonesDirectory(cacheDirectory: string): string {
  return join(cacheDirectory, "repositories");
}

function unusable(
  path: string,
  what: string,
  details: { readonly hint: string; readonly cause?: unknown },
): PyroError {
  return new PyroError("host_directory_unusable", `The directory ${path} ${what}.`, details);
}
