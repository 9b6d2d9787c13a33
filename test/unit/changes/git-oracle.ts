import { type SpawnSyncReturns, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { file, type MemoryTree, readTree, writeTree } from "./memory-tree.ts";

/** Directories of one test run, removed at its end, in which the real git works undisturbed by any configuration. */
export class GitOracle {
  readonly #root = mkdtempSync(join(tmpdir(), "pyro-changes-"));
  #count = 0;
  #forgetsModes: boolean | undefined;

  constructor() {
    mkdirSync(join(this.#root, "home"));
  }

  dispose(): void {
    rmSync(this.#root, { recursive: true, force: true });
  }

  newDirectory(tree: MemoryTree = new Map()): string {
    this.#count += 1;
    const directory = join(this.#root, `tree${this.#count}`);
    mkdirSync(directory);
    writeTree(directory, tree);
    return directory;
  }

  run(
    command: string,
    args: readonly string[],
    options: { cwd: string; input?: Buffer },
  ): SpawnSyncReturns<Buffer> {
    return spawnSync(command, args, {
      ...options,
      maxBuffer: 256 * 1024 * 1024,
      env: {
        PATH: process.env.PATH ?? "/usr/bin:/bin",
        HOME: join(this.#root, "home"),
        GIT_CONFIG_NOSYSTEM: "1",
        GIT_CEILING_DIRECTORIES: this.#root,
        GIT_AUTHOR_NAME: "A",
        GIT_AUTHOR_EMAIL: "a@example.org",
        GIT_COMMITTER_NAME: "A",
        GIT_COMMITTER_EMAIL: "a@example.org",
        LC_ALL: "C",
      },
    });
  }

  /** git's output; throws what it complained about. */
  git(args: readonly string[], cwd: string, accepted: readonly number[] = [0]): Buffer {
    const { status, stdout, stderr } = this.run("git", args, { cwd });
    if (!accepted.includes(status ?? -1)) throw new Error(`git ${args.join(" ")}: ${stderr}`);
    return stdout;
  }

  /** What `git apply` makes of a tree, or undefined when it refuses. */
  apply(
    tree: MemoryTree,
    patch: Buffer,
    args: readonly string[] = [],
  ): { tree?: MemoryTree; stderr: string } {
    const cwd = this.newDirectory(tree);
    const { status, stderr } = this.run("git", ["apply", ...args, "-"], { cwd, input: patch });
    const result = status === 0 ? { tree: readTree(cwd) } : {};
    rmSync(cwd, { recursive: true, force: true });
    return { ...result, stderr: stderr.toString("latin1") };
  }

  /** Whether this git, by a patch of its own, brings every deleted file back as an ordinary one, as 2.47 does. */
  forgetsModes(): boolean {
    this.#forgetsModes ??= this.#losesMode();
    return this.#forgetsModes;
  }

  #losesMode(): boolean {
    const cwd = this.newRepository(new Map([["program", file("#!/bin/sh\n", 0o755)]]));
    rmSync(join(cwd, "program"));
    const { tree } = this.apply(new Map(), this.git(["diff"], cwd), ["-R"]);
    return tree?.get("program")?.mode === 0o644;
  }

  /** A repository whose only commit is `tree`. */
  newRepository(tree: MemoryTree): string {
    const cwd = this.newDirectory(tree);
    this.git(["init", "--quiet"], cwd);
    this.commit(cwd);
    return cwd;
  }

  commit(cwd: string): void {
    this.git(["add", "--all"], cwd);
    this.git(["commit", "--quiet", "--allow-empty", "--message", "A commit"], cwd);
  }

  /** Puts `tree` in the place of what is in the working directory. */
  replaceFiles(cwd: string, tree: MemoryTree): void {
    this.run(
      "find",
      [
        ".",
        "-mindepth",
        "1",
        "-maxdepth",
        "1",
        "!",
        "-name",
        ".git",
        "-exec",
        "rm",
        "-rf",
        "{}",
        "+",
      ],
      { cwd },
    );
    writeTree(cwd, tree);
  }
}
