import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { blankDiskVersion } from "../../src/environments/blank-disk.ts";
import { kernelDirectory } from "../../src/environments/boot/kernel-choice.ts";
import { endProcess, findMonitors, findProcesses, findSupervisors } from "./host-processes.ts";
import { assertNothingLeft, filesUnder } from "./oracle.ts";
import { type Ended, type PyroProcess, type StartOptions, startProcess } from "./process.ts";

const run = promisify(execFile);

/** The checkout these tests belong to. */
export const repository = fileURLToPath(new URL("../..", import.meta.url)).replace(/\/$/, "");

/** The guest agent as `make build` leaves it, which also guards machines that outlive their starter. */
export const builtAgent = `${repository}/dist/guest/pyro-agent`;

/** Shared by all guest tests and kept between runs: what it holds is expensive to build. */
export const warmCacheDirectory =
  process.env.PYRO_TEST_CACHE_DIR ||
  join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "pyro-test");

/** The environment guest tests use: the one that is built fastest. */
export const baseEnvironment = "debian:12-base";

/** A place for one test file: directories of its own, a `pyro` that uses them, and the check that nothing is left. */
export class PyroHome implements AsyncDisposable {
  readonly directory: string;
  readonly cacheDirectory: string;
  readonly stateDirectory: string;
  readonly temporaryDirectory: string;
  readonly #started = new Set<PyroProcess>();

  private constructor(directory: string, cacheDirectory: string) {
    this.directory = directory;
    this.cacheDirectory = cacheDirectory;
    this.stateDirectory = join(directory, "state");
    this.temporaryDirectory = join(directory, "tmp");
    mkdirSync(this.temporaryDirectory, { mode: 0o700 });
  }

  /** With a cache of its own that does not exist yet. For tests without a guest. */
  static empty(): PyroHome {
    const directory = scratchDirectory(tmpdir());
    return new PyroHome(directory, join(directory, "cache"));
  }

  /** With the shared cache, in which `environment` is installed and has a template. */
  static async warm(environment = baseEnvironment): Promise<PyroHome> {
    const home = new PyroHome(scratchDirectory(tmpdir()), warmCacheDirectory);
    await home.pull(environment);
    return home;
  }

  /**
   * With a cache of its own that holds the kernel and, unless `images` is false, the installed
   * environments, but no template. Files are hard links where nothing ever writes to them.
   */
  static async private({ images = true } = {}): Promise<PyroHome> {
    await (await PyroHome.warm()).dispose();
    // Beside the shared cache, because links do not reach another file system.
    const directory = scratchDirectory(dirname(warmCacheDirectory));
    const home = new PyroHome(directory, join(directory, "cache"));
    await copyCache(home.cacheDirectory, { images, link: true });
    return home;
  }

  /** What a `pyro` of this home finds in its environment. */
  get env(): Record<string, string> {
    const { PATH = "/usr/bin:/bin" } = process.env;
    const chosen = ["PYRO_DRIVER", "PYRO_FIRECRACKER", "PYRO_REQUIRE_KVM", "PYRO_PATIENCE"];
    return {
      PATH,
      HOME: this.directory,
      TMPDIR: this.temporaryDirectory,
      PYRO_CACHE_DIR: this.cacheDirectory,
      PYRO_STATE_DIR: this.stateDirectory,
      NODE_COMPILE_CACHE: join(tmpdir(), "pyro-test-compile-cache"),
      // Tests that are about machines that wait turn it on.
      PYRO_STANDBY: "0",
      ...Object.fromEntries(
        ["PYRO_DEBIAN_MIRROR", ...chosen].flatMap((name) =>
          process.env[name] ? [[name, process.env[name]]] : [],
        ),
      ),
    };
  }

  /** Starts `pyro` with `args`; it is killed with the home if it still runs then. */
  start(args: readonly string[], options: StartOptions = {}): PyroProcess {
    return this.startProgram([join(repository, "bin", "pyro"), ...args], options);
  }

  /** Starts another program with the environment of this home. */
  startProgram(command: readonly string[], options: StartOptions = {}): PyroProcess {
    const started = startProcess(command, { ...options, env: { ...this.env, ...options.env } });
    this.#started.add(started);
    return started;
  }

  /** Runs `pyro` with `args` to its end. */
  async pyro(args: readonly string[], options: StartOptions = {}): Promise<Ended> {
    return await this.start(args, options).ended;
  }

  /** Runs one command in a guest of the base environment. */
  async run(command: readonly string[], options: RunOptions = {}): Promise<Ended> {
    const { flags = [], ...rest } = options;
    return await this.pyro(["run", baseEnvironment, ...flags, "--", ...command], rest);
  }

  /** Installs `environment`, or fails the test with what pyro said. */
  async pull(environment: string): Promise<void> {
    mkdirSync(dirname(this.cacheDirectory), { recursive: true });
    const { code, stderr } = await this.pyro(["env", "pull", environment]);
    if (code !== 0)
      throw new TypeError(`pyro env pull ${environment} ended with ${code}: ${stderr}`);
  }

  /** Fails unless every process started here is gone, with all its files. */
  async assertNothingLeft(): Promise<void> {
    const sessions = [...this.#started].map(({ pid }) => pid);
    await assertNothingLeft({ ...this, sessions });
  }

  async dispose(): Promise<void> {
    // A test that failed may have left what its programs started, which would keep their outputs open.
    const sessions = [...this.#started].map(({ pid }) => pid);
    for (const { pid } of findProcesses({ sessions, directories: [] })) endProcess(pid);
    for (const started of this.#started) await started.kill();
    // A test that failed has not deleted its workspaces.
    for (const pid of [...findMonitors(this.directory), ...findSupervisors(this.directory)])
      endProcess(pid);
    rmSync(this.directory, { recursive: true, force: true });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.dispose();
  }
}

export interface RunOptions extends StartOptions {
  /** Options of `pyro run`. */
  readonly flags?: readonly string[];
}

/** A new directory under `parent` that only we can enter. */
export function scratchDirectory(parent = tmpdir()): string {
  return mkdtempSync(join(parent, "pyro-test-"));
}

/** Fills `target` from the shared cache: the kernel, the blank disk, and the images if wanted; never templates. */
export async function copyCache(
  target: string,
  { images, link }: { images: boolean; link: boolean },
): Promise<void> {
  mkdirSync(join(target, "boot"), { recursive: true, mode: 0o700 });
  const blank = `blank-disk-${blankDiskVersion}.bin`;
  const parts = [`boot/${kernelDirectory()}`, blank, ...(images ? ["images", "environments"] : [])];
  const how = link ? ["--archive", "--link"] : ["--archive", "--sparse=auto", "--reflink=auto"];
  for (const part of parts)
    await run("cp", [...how, join(warmCacheDirectory, part), join(target, dirname(part))]);
  // Another test may be installing an environment right now; nobody will ever finish its copy.
  for (const name of filesUnder(target).filter((path) => path.endsWith(".partial")))
    rmSync(join(target, name), { recursive: true, force: true });
}
