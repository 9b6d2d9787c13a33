import { randomBytes } from "node:crypto";
import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { type FileHandle, open, readdir, readFile, rename, rm, statfs } from "node:fs/promises";
import { dirname, join } from "node:path";
import { PyroError, systemErrorCode } from "../model/errors.ts";
import { currentBootId, identifySelf, isAlive } from "./processes.ts";
import { removeTree } from "./remove-tree.ts";

/**
 * Makes what files hold, or which names directories have, outlive the host's power. A rename may reach the disk long before what is
 * renamed does, which would then be empty under its right name.
 */
export async function flush(...paths: readonly string[]): Promise<void> {
  for (const path of paths) {
    await using file = await open(path, "r");
    await file.sync();
  }
}

function flushSync(path: string): void {
  const file = openSync(path, "r");
  try {
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

/** Writes the whole file or nothing, and flushes both it and its name. */
export async function writeFileAtomically(
  path: string,
  content: string | Uint8Array,
  mode = 0o600,
): Promise<void> {
  await fillFileAtomically(path, mode, async (file) => {
    await file.writeFile(content);
    await file.sync();
  });
  await flush(dirname(path));
}

/** The same at once, for what must be there before anything else happens; not flushed where nobody needs it after a power cut. */
export function writeFileAtomicallySync(
  path: string,
  content: string,
  { isFlushed }: { readonly isFlushed: boolean },
): void {
  const temporary = temporaryNeighbour(path);
  try {
    writeFileSync(temporary, content, { flag: "wx", mode: 0o600, flush: isFlushed });
    renameSync(temporary, path);
    if (isFlushed) flushSync(dirname(path));
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}

/** Puts in place what `fill` writes, or nothing: a neighbour under a temporary name, then renamed. Flushes nothing. */
export async function fillFileAtomically(
  path: string,
  mode: number,
  fill: (file: FileHandle) => Promise<void>,
): Promise<void> {
  const temporary = temporaryNeighbour(path);
  try {
    const file = await open(temporary, "wx", mode);
    try {
      await fill(file);
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw namingNoSpace(error, path);
  }
}

/** A name in the same directory that says whose unfinished work it is. */
export function temporaryNeighbour(path: string): string {
  const { pid, startTicks, bootId } = identifySelf();
  const [, ...namespace] = bootId.split("/");
  const owner = [randomBytes(4).toString("hex"), pid, startTicks, ...namespace].join("-");
  return `${path}.${owner}.partial`;
}

/** Whether `name` is unfinished work whose process is gone. */
export function isAbandoned(name: string): boolean {
  const [isOwned, pid, startTicks = "", namespace] =
    /\.[0-9a-f]{8}-(\d+)-(\d+)(?:-(\d+))?\.partial$/.exec(name) ?? [];
  if (!isOwned) return name.endsWith(".partial");
  const bootId = namespace === undefined ? currentBootId() : `${currentBootId()}/${namespace}`;
  return !isAlive({ pid: Number(pid), startTicks, bootId });
}

/**
 * Removes from `directory`, if it is there, the unfinished work of processes that were killed. What cannot be removed keeps nobody
 * from his own work.
 */
export async function removeAbandoned(directory: string): Promise<void> {
  for (const name of await readdir(directory).catch(() => []))
    if (isAbandoned(name)) await removeTree(join(directory, name)).catch(() => undefined);
}

/** The parsed JSON of `path`, or undefined when the file is absent or not JSON. */
export async function readJsonFile(path: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(path, "utf8"));
  } catch (error) {
    if (systemErrorCode(error) === "ENOENT" || error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** Refuses an operation that would leave the disk of `directory` with too little room. */
export async function requireDiskRoom(directory: string, neededBytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(directory);
  const freeBytes = bavail * bsize;
  if (freeBytes >= neededBytes) return;
  throw new PyroError(
    "host_no_space",
    `${directory} has ${mebibytes(freeBytes)} MiB free, but ${mebibytes(neededBytes)} MiB are needed.`,
    {
      hint: "Free some room, for example with: pyro env prune",
    },
  );
}

/** The error with a full disk named as such; every other error unchanged. */
export function namingNoSpace(error: unknown, path: string): unknown {
  const code = systemErrorCode(error);
  if (code !== "ENOSPC" && code !== "EDQUOT") return error;
  return new PyroError(
    "host_no_space",
    `No room left on the disk of ${dirname(path)} while writing ${path}.`,
    {
      hint: "Free some room, for example with: pyro env prune",
      cause: error,
    },
  );
}

/** Joins `names` under `root`; asserts that the result stays inside. */
export function inside(root: string, ...names: string[]): string {
  const path = join(root, ...names);
  if (path !== root && !path.startsWith(`${root}/`))
    throw new PyroError("internal", `"${names.join("/")}" leaves ${root}.`);
  return path;
}

function mebibytes(bytes: number): number {
  return Math.floor(bytes / (1024 * 1024));
}
