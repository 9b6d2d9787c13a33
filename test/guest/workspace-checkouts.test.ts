import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { after, afterEach, before, describe, it } from "node:test";
import { TestWorkspaces } from "../support/workspaces.ts";

const environment = "debian:12";

describe("a Git checkout in a guest", () => {
  let ws: TestWorkspaces;
  before(async () => {
    ws = await TestWorkspaces.open();
    await ws.home.pull(environment);
    const main = ws.path("main");
    mkdirSync(main);
    git("main", "init", "--quiet");
    write("main/file");
    write("main/forced.log");
    write("main/other.log");
    write("main/.gitignore", "*.log\n");
    git("main", "add", "--all");
    git("main", "add", "--force", "forced.log");
    git("main", "commit", "--quiet", "--message", "one");
    git("main", "worktree", "add", "--quiet", "../linked");
    git(".", "clone", "--quiet", "--shared", "main", "shared");
  });
  afterEach(() => ws.assertNothingLeft());
  after(() => ws[Symbol.asyncDispose]());

  const git = (cwd: string, ...args: string[]) =>
    execFileSync("git", ["-c", "user.name=a", "-c", "user.email=a@b", ...args], {
      cwd: ws.path(cwd),
      encoding: "utf8",
      stdio: ["ignore", "pipe", "pipe"],
      env: { PATH: process.env.PATH, HOME: ws.path("home"), GIT_CONFIG_NOSYSTEM: "1" },
    });
  const write = (path: string, content = path) => {
    mkdirSync(dirname(ws.path(path)), { recursive: true });
    writeFileSync(ws.path(path), content);
  };
  const status = "git status --porcelain --ignored && git log --format=%s";

  it("has what git tracks though it is ignored, and not what is only ignored", async () => {
    const { workspaceId: id, workspaceSeed } = await ws.create({
      environment,
      seedPath: ws.path("main"),
      respectGitignore: true,
    });
    assert.equal(await ws.sh(id, status), "one\n");
    assert.deepEqual(workspaceSeed.skipped, [
      { path: "other.log", reason: "ignored by .gitignore" },
    ]);
    assert.deepEqual(workspaceSeed.warnings, []);
  });

  it("that needs something outside is named when it is made, and afterwards", async () => {
    for (const [name, needs] of [
      ["linked", "main/.git/worktrees/linked"],
      ["shared", "main/.git/objects"],
    ] as const) {
      const seedPath = ws.path(name);
      const { workspaceId: id, workspaceSeed } = await ws.create({ environment, seedPath });
      assert.equal(workspaceSeed.warnings.length, 1);
      assert.ok(workspaceSeed.warnings[0]?.includes(ws.path(needs)), workspaceSeed.warnings[0]);
      assert.deepEqual((await ws.pyro.statusWorkspace(id)).workspaceSeed, workspaceSeed);
      const pushed = await ws.pyro.pushWorkspaceSync(id, seedPath, { dest: "again" });
      assert.deepEqual(pushed.warnings, workspaceSeed.warnings);
      const shown = await ws.home.pyro(["workspace", "status", id]);
      assert.ok(shown.stderr.startsWith(`warning: ${workspaceSeed.warnings[0]}\n`), shown.stderr);
    }
  });

  it("that needs something outside works when that is brought along", async () => {
    for (const name of ["linked", "shared"]) {
      const { workspaceId: id } = await ws.create({
        environment,
        seedPath: ws.path(name),
        includeOuterGit: true,
      });
      assert.deepEqual((await ws.pyro.diffWorkspace(id)).changes, []);
      assert.equal(await ws.sh(id, `${status} && git fsck 2>&1`), "one\n");
      await ws.sh(id, "echo more >> file; git -c user.name=a -c user.email=a@b commit -qam two");
      await ws.pyro.resetWorkspace(id);
      assert.equal(await ws.sh(id, status), "one\n");
    }
  });
});
