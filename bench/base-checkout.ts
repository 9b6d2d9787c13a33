import { copyFile, mkdir, readdir, readFile, utimes } from "node:fs/promises";
import { join } from "node:path";
import { type Program, runTimed } from "./timed-process.ts";

/** Another commit of this repository, built beside it, with a cache of its own. */
export interface BaseCheckout extends AsyncDisposable {
  readonly directory: string;
  readonly cacheDirectory: string;
  /** As git writes it in full. */
  readonly commit: string;
}

export interface BasePlace {
  readonly repository: string;
  /** Anything git takes for a commit. */
  readonly commit: string;
  /** What to begin from, so that nothing is fetched that is there. */
  readonly cacheDirectory: string;
  readonly workDirectory: string;
  readonly signal: AbortSignal;
  readonly progress: (text: string) => void;
}

/** Checks out and builds `commit`. Disposing of it makes git forget the checkout; its files go with the work directory. */
export async function makeBaseCheckout(place: BasePlace): Promise<BaseCheckout> {
  const { repository, workDirectory, signal, progress } = place;
  const run = async (command: string, ...args: string[]) =>
    (await runTimed(program(command, args), signal)).stdout.trim();
  const git = (...args: string[]) => run("git", "-C", repository, ...args);
  const commit = await git("rev-parse", "--verify", "--end-of-options", `${place.commit}^{commit}`);
  const [directory, cacheDirectory] = ["base", "base-cache"].map((name) =>
    join(workDirectory, name),
  ) as [string, string];
  progress(`building ${commit.slice(0, 12)}`);
  await git("worktree", "add", "--quiet", "--detach", directory, commit);
  try {
    await takePackages(repository, directory, run);
    await run("make", "--silent", "-C", directory, "build");
    await copyCache(place.cacheDirectory, cacheDirectory, run);
  } catch (error) {
    await forget(directory);
    throw error;
  }
  return { directory, cacheDirectory, commit, [Symbol.asyncDispose]: () => forget(directory) };

  // Also after an interruption, which ends everything that is given the signal.
  async function forget(path: string): Promise<void> {
    const args = ["-C", repository, "worktree", "remove", "--force", path];
    await runTimed(program("git", args), new AbortController().signal);
  }
}

type Run = (command: string, ...args: string[]) => Promise<string>;

function program(command: string, args: readonly string[]): Program {
  return { command, args, env: process.env };
}

/** The same packages need not be installed again; others are, by make. */
async function takePackages(repository: string, directory: string, run: Run): Promise<void> {
  const [ours, theirs] = await Promise.all(
    [repository, directory].map((path) => readFile(join(path, "package-lock.json"), "utf8")),
  );
  if (ours !== theirs) return;
  const packages = join(directory, "node_modules");
  await run("cp", "-a", "--reflink=auto", join(repository, "node_modules"), packages);
  const stamps = join(packages, ".stamps");
  const now = new Date();
  for (const name of await readdir(stamps)) await utimes(join(stamps, name), now, now);
}

/** Two builds on one cache would pack its initial file system by turns. Templates are each build's own. */
async function copyCache(from: string, to: string, run: Run): Promise<void> {
  await mkdir(to, { mode: 0o700 });
  for (const entry of await readdir(from, { withFileTypes: true })) {
    const [source, target] = [join(from, entry.name), join(to, entry.name)];
    if (entry.isDirectory() && entry.name !== "templates")
      await run("cp", "-a", "--reflink=auto", "--sparse=always", source, target);
    else if (entry.isFile() && !/\.(lock|partial)$/.test(entry.name))
      await copyFile(source, target);
  }
}
