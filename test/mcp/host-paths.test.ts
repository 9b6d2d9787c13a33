import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, realpathSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { PyroHome } from "../support/home.ts";
import { McpConnection } from "./support/mcp-connection.ts";

const home = PyroHome.empty();
const path = (...names: string[]) => join(home.directory, ...names);
const project = path("project");
const extra = path("extra");
let connection: McpConnection;

before(async () => {
  for (const name of ["project/sub", "project/.git/hooks", "project-evil", "extra", "outside"])
    mkdirSync(path(name), { recursive: true });
  writeFileSync(path("project/.git/HEAD"), "ref: refs/heads/main\n");
  writeFileSync(path("outside/secret.tar"), "");
  writeFileSync(path("project/file.txt"), "");
  symlinkSync(path("outside"), path("project/out"));
  symlinkSync("/etc/passwd", path("project/passwd.tar"));
  symlinkSync("..", path("project/up"));
  symlinkSync("loop", path("project/loop"));
  symlinkSync(path("outside/absent"), path("project/dangling"));
  symlinkSync(project, path("outside/back"));
  connection = await McpConnection.open(home, ["--allow-path", extra], {
    cwd: path("project/sub"),
  });
});

after(async () => {
  await connection[Symbol.asyncDispose]();
  await home.dispose();
});

/** Neither read from nor written to. */
const hostile = () => [
  "/",
  "/etc",
  "/etc/passwd",
  "/etc/shadow",
  "/root/.ssh",
  "/proc/self/root/etc",
  "/proc/self/environ",
  "/dev/mem",
  "..",
  "../outside",
  "sub/../../outside",
  "./../../../../../../etc",
  `${project}/../outside`,
  `${project}-evil`,
  `${project}-evil/x`,
  `${extra}x`,
  home.directory,
  path("outside"),
  path("outside/back"),
  "out",
  "out/new",
  "out/../../outside",
  "up",
  "up/outside",
  "up/project-evil/x",
  "passwd.tar",
  "//etc",
  "file:///etc/passwd",
  "\0",
  "sub\0/../../outside",
];

test("no path outside the given directories is read", async () => {
  assert.ok(hostile().length >= 20);
  for (const source of hostile()) {
    const asked = [
      ["workspace_sync_push", { workspace_id: "any", source }],
      ["workspace_create", { seed_path: source }],
    ] as const;
    for (const [tool, input] of asked) {
      const text = await connection.failure(tool, input);
      assert.match(text, /^(host_path_refused|invalid_argument): /, `${source}: ${text}`);
      // What does not exist inside is told; what exists outside is not.
      if (!source.startsWith("file:") && !source.includes("\0"))
        assert.match(text, /^host_path_refused: .* outside of .*\/project, .*\/extra\./, source);
      assert.doesNotMatch(text, /root:x:|secret/);
    }
  }
});

test("no path outside the given directories is written", async () => {
  // Node's own walk follows links, and one leads up.
  const all = () => execFileSync("find", [home.directory], { encoding: "utf8" });
  const before = all();
  for (const outputPath of [...hostile(), "dangling/x", "loop/x", "file.txt/x"]) {
    const input = { workspace_id: "any", path: "/workspace", output_path: outputPath };
    const text = await connection.failure("workspace_export", input);
    assert.match(
      text,
      /^(host_path_refused|invalid_argument|export_target_exists): /,
      `${outputPath}: ${text}`,
    );
  }
  assert.equal(all(), before);
});

test("nothing is written where git would run it, or over a root", async () => {
  const refused = [".git/hooks/post-checkout", ".git/x", ".GIT/hooks/x", `${project}/.git/config`];
  mkdirSync(path("project/.GIT/hooks"), { recursive: true });
  for (const outputPath of refused) {
    const input = { workspace_id: "any", path: "a", output_path: outputPath };
    assert.match(
      await connection.failure("workspace_export", input),
      /^(host_path_refused: .*\.git|export_target_exists)/i,
    );
  }
  for (const outputPath of [project, extra, ".", "", "sub/.."]) {
    const input = { workspace_id: "any", path: "a", output_path: outputPath };
    const text = await connection.failure("workspace_export", input);
    assert.match(text, /^(invalid_argument|host_path_refused): /, outputPath);
  }
});

test("paths inside are taken, relative ones from the project, and go on to the engine", async () => {
  for (const inside of ["sub", "./sub/../sub", `${project}/sub`, extra, realpathSync(extra)]) {
    const text = await connection.failure("workspace_sync_push", {
      workspace_id: "none",
      source: inside,
    });
    assert.match(text, /^workspace_not_found: /, `${inside}: ${text}`);
  }
  for (const inside of ["new", `${extra}/new`, "sub/new"]) {
    const input = { workspace_id: "none", path: "a", output_path: inside };
    assert.match(await connection.failure("workspace_export", input), /^workspace_not_found: /);
  }
  const absent = { workspace_id: "none", source: "sub/absent" };
  assert.match(
    await connection.failure("workspace_sync_push", absent),
    /^invalid_argument: sub\/absent does not exist\./,
  );
});

test("a server outside of any project touches no path at all", async () => {
  await using alone = await McpConnection.open(home, [], { cwd: path("outside") });
  for (const source of ["/etc", ".", path("outside")])
    assert.match(
      await alone.failure("workspace_create", { seed_path: source }),
      /^host_path_refused: .*was given no directory/,
    );
  assert.match(await alone.failure("workspace_create", { seed: "project" }), /^invalid_argument: /);
  assert.doesNotMatch(alone.client.getInstructions() ?? "", /Host paths/);
});

test("a checkout is found by looking at .git, and git never runs", async () => {
  const trap = path("trap");
  const bin = path("bin");
  mkdirSync(bin);
  writeFileSync(join(bin, "git"), `#!/bin/sh\ntouch ${trap}\n`, { mode: 0o755 });
  for (const [name, content, isFound] of [
    ["worktree", "gitdir: /somewhere/else/.git/worktrees/w\n", true],
    ["fake", "not a git file\n", false],
  ] as const) {
    mkdirSync(path("trees", name, "deep"), { recursive: true });
    writeFileSync(path("trees", name, ".git"), content);
    await using one = await McpConnection.open(home, [], { cwd: path("trees", name, "deep") });
    const told = one.client.getInstructions() ?? "";
    assert.equal(told.includes(path("trees", name)), isFound, name);
  }
  await using given = await McpConnection.open(home, ["--project-path", "../extra"], {
    cwd: project,
  });
  assert.ok(given.client.getInstructions()?.includes(extra));
  assert.ok(!existsSync(trap));
});

test("a home directory under version control is nobody's project", async () => {
  const other = PyroHome.empty();
  try {
    execFileSync("git", ["init", "--quiet", other.directory]);
    await using one = await McpConnection.open(other, [], { cwd: other.temporaryDirectory });
    assert.doesNotMatch(one.client.getInstructions() ?? "", /a copy of|Host paths/);
  } finally {
    await other.dispose();
  }
});
