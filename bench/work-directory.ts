import { mkdir, readdir, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { isAbandoned, temporaryNeighbour } from "../src/platform/files.ts";

const prefix = "pyro-bench";

/** A private directory for all that a benchmark writes. */
export interface WorkDirectory extends AsyncDisposable {
  readonly path: string;
}

/**
 * Made next to the cache, so that both lie on one file system. What a killed benchmark left behind
 * is removed first: the names say whose they are.
 */
export async function makeWorkDirectory(cacheDirectory: string): Promise<WorkDirectory> {
  const parent = dirname(cacheDirectory);
  await mkdir(parent, { recursive: true });
  for (const name of await readdir(parent)) {
    if (name.startsWith(`${prefix}.`) && isAbandoned(name)) await removeTree(join(parent, name));
  }
  const path = temporaryNeighbour(join(parent, prefix));
  await mkdir(path, { mode: 0o700 });
  return { path, [Symbol.asyncDispose]: () => removeTree(path) };
}

async function removeTree(path: string): Promise<void> {
  await rm(path, { recursive: true, force: true, maxRetries: 3 });
}
