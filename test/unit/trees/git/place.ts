import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { TestContext } from "node:test";
import { temporaryDirectory } from "../support.ts";

/** A place for checkouts, and the real git in it, undisturbed by any configuration. */
export async function openPlace(t: TestContext) {
  const root = await temporaryDirectory(t);
  const git = (cwd: string, ...args: string[]) =>
    execFileSync("git", ["-c", "core.excludesFile=", "-c", "protocol.file.allow=always", ...args], {
      cwd: join(root, cwd),
      encoding: "latin1",
      stdio: ["ignore", "pipe", "pipe"],
      env: {
        ...{ PATH: process.env.PATH, HOME: root, GIT_CONFIG_NOSYSTEM: "1" },
        ...{ GIT_AUTHOR_NAME: "A", GIT_AUTHOR_EMAIL: "a@example.org" },
        ...{ GIT_COMMITTER_NAME: "A", GIT_COMMITTER_EMAIL: "a@example.org" },
      },
    });
  const write = (path: string, content = path) => {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), content);
  };
  const commit = (cwd: string) => {
    git(cwd, "add", "--all");
    git(cwd, "commit", "--quiet", "--allow-empty", "--message", "A commit");
  };
  /** A checkout with a commit. */
  const make = (name: string, ...init: string[]) => {
    mkdirSync(join(root, name));
    git(name, "init", "--quiet", ...init);
    write(`${name}/file`);
    commit(name);
  };
  /** Takes everything that is no copy away, as in a guest. */
  const kept = (name: string) => /-copy$|^\./.test(name);
  const hide = () => {
    for (const name of readdirSync(root).filter((name) => !kept(name)))
      renameSync(join(root, name), join(root, `.hidden-${name}`));
  };
  const unhide = () => {
    for (const name of readdirSync(root).filter((name) => name.startsWith(".hidden-")))
      renameSync(join(root, name), join(root, name.slice(8)));
  };
  return { root, git, write, commit, make, hide, unhide };
}

export type Place = Awaited<ReturnType<typeof openPlace>>;
