import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { cloneRepository } from "../../src/project/clone-repository.ts";
import { environment, GuestPlace } from "./support/guest-place.ts";

let place: GuestPlace;
let origin: string;
let trap: string;
let first: string;

/** Runs git as the repository's owner does, with nothing of this machine's. */
function git(...args: readonly string[]): string {
  const env = {
    PATH: process.env.PATH,
    HOME: "/nonexistent",
    GIT_CONFIG_NOSYSTEM: "1",
    GIT_AUTHOR_NAME: "a",
    GIT_AUTHOR_EMAIL: "a@example.org",
    GIT_COMMITTER_NAME: "a",
    GIT_COMMITTER_EMAIL: "a@example.org",
  };
  return execFileSync("git", ["-C", origin, ...args], { env, encoding: "utf8" }).trim();
}

before(async () => {
  place = await GuestPlace.open();
  origin = place.workspaces.path("origin");
  trap = place.workspaces.path("trap");
  mkdirSync(origin);
  git("init", "--quiet", "--initial-branch=main", ".");
  writeFileSync(join(origin, "kept.txt"), "a $Format:%H$ $Id$\n");
  writeFileSync(join(origin, "left-out.txt"), "still here\n");
  writeFileSync(join(origin, "crlf.txt"), "one\ntwo\n");
  writeFileSync(join(origin, "run.sh"), "#!/bin/sh\n", { mode: 0o755 });
  symlinkSync("kept.txt", join(origin, "link"));
  writeFileSync(
    join(origin, ".gitattributes"),
    "left-out.txt export-ignore\nkept.txt export-subst ident filter=evil\ncrlf.txt text eol=crlf\n*.utf working-tree-encoding=UTF-16\n",
  );
  writeFileSync(join(origin, ".gitmodules"), '[submodule "s"]\n\tpath = s\n\turl = ../elsewhere\n');
  writeFileSync(join(origin, "plain.utf"), Buffer.from("\ufeffplain\n", "utf16le"));
  git("add", ".");
  // Committed with a filter of no name: nobody runs one here.
  git("commit", "--quiet", "--message", "one");
  first = git("rev-parse", "HEAD");
  git("tag", "v1");
  writeFileSync(join(origin, "kept.txt"), "second\n");
  git("commit", "--quiet", "--all", "--message", "two");
  // Everything by which a repository or a machine makes git run something.
  const touch = `touch ${trap}`;
  for (const hook of ["post-checkout", "pre-commit", "reference-transaction", "post-upload-pack"])
    writeFileSync(join(origin, ".git", "hooks", hook), `#!/bin/sh\n${touch}\n`, { mode: 0o755 });
  for (const [key, value] of [
    ["core.fsmonitor", touch],
    ["core.sshCommand", touch],
    ["filter.evil.smudge", touch],
    ["filter.evil.clean", touch],
    ["filter.evil.required", "true"],
    ["uploadpack.packObjectsHook", touch],
    ["tar.tar.command", touch],
  ] as const)
    git("config", key, value);
});

after(async () => {
  await place.assertNothingLeft();
  await place[Symbol.asyncDispose]();
});

const expected = [
  ".gitattributes",
  ".gitmodules",
  "crlf.txt",
  "kept.txt",
  "left-out.txt",
  "link",
  "plain.utf",
  "run.sh",
];

test("a clean clone is what was committed, and nothing of the repository runs", async () => {
  const cloned = await clone(origin, "v1");
  try {
    assert.equal(cloned.commit, first);
    const list = execFileSync("tar", ["tf", cloned.archivePath], { encoding: "utf8" });
    assert.deepEqual(list.trim().split("\n").sort(), expected);
    const content = (name: string) =>
      execFileSync("tar", ["xOf", cloned.archivePath, name], { encoding: "utf8" });
    assert.equal(content("kept.txt"), "a $Format:%H$ $Id$\n");
    assert.equal(content("crlf.txt"), "one\ntwo\n");
    assert.equal(content("plain.utf"), "plain\n");
    assert.deepEqual(readdirSync(cloned.directory).sort(), ["home", "tree.tar"]);
    assert.deepEqual(readdirSync(join(cloned.directory, "home")), []);
  } finally {
    execFileSync("rm", ["-r", cloned.directory]);
  }
  assert.ok(!existsSync(trap));
});

test("branches, tags and commits are found; file URLs are paths", async () => {
  for (const [url, ref, commit] of [
    [origin, undefined, git("rev-parse", "HEAD")],
    [origin, "main", git("rev-parse", "HEAD")],
    [origin, first, first],
    [`file://${origin}`, "v1", first],
  ] as const) {
    const cloned = await clone(url, ref);
    execFileSync("rm", ["-r", cloned.directory]);
    assert.equal(cloned.commit, commit);
  }
});

/** What git says in the files of an archive, as in a guest. */
function unpacked(archivePath: string) {
  const directory = `${archivePath}.unpacked`;
  mkdirSync(directory);
  execFileSync("tar", ["xf", archivePath, "-C", directory]);
  const inside = (...args: readonly string[]) =>
    execFileSync("git", ["-C", directory, ...args], {
      env: { PATH: process.env.PATH, HOME: "/nonexistent", GIT_CONFIG_NOSYSTEM: "1" },
      encoding: "utf8",
    }).trim();
  return { directory, inside };
}

test("with its history, git finds the branch, its commits and nothing to commit; nothing of the repository runs", async () => {
  // The owner's own git runs hooks.
  const quietly = ["-c", "core.hooksPath=/dev/null"] as const;
  git(...quietly, "branch", "side", first);
  for (const [ref, branch, commit] of [
    [undefined, "main", git("rev-parse", "main")],
    ["side", "side", first],
    ["v1", "HEAD", first],
    [first, "HEAD", first],
  ] as const) {
    const cloned = await clone(origin, ref, { withGit: true });
    try {
      assert.equal(cloned.commit, commit);
      const { directory, inside } = unpacked(cloned.archivePath);
      assert.equal(inside("rev-parse", "--abbrev-ref", "HEAD"), branch);
      assert.equal(inside("rev-parse", "HEAD"), commit);
      assert.equal(inside("log", "--format=%s", "refs/remotes/origin/main"), "two\none");
      assert.equal(inside("rev-parse", "v1"), first);
      // A filter, and what other encodings and line ends make of it, is for whoever works there.
      assert.equal(inside("diff", "--cached", "--stat"), "");
      assert.equal(inside("fsck", "--strict"), "");
      assert.ok(!existsSync(join(directory, ".git", "hooks")));
      assert.deepEqual(
        inside("config", "--local", "--list").split("\n"),
        ["core.repositoryformatversion=0", "core.filemode=true", "core.bare=false"].concat(
          "core.logallrefupdates=true",
        ),
      );
      assert.deepEqual(readdirSync(cloned.directory).sort(), [
        ...["home", "tree.tar", "tree.tar.unpacked", "whole"],
      ]);
    } finally {
      execFileSync("rm", ["-r", cloned.directory]);
    }
  }
  git(...quietly, "branch", "--delete", "--force", "side");
  assert.ok(!existsSync(trap));
});

test("a workspace has the history of its repository, which a server without one cannot give", async () => {
  await using connection = await place.connect(["--repo-url", "../origin", "--with-git"]);
  assert.match(connection.client.getInstructions() ?? "", /a clone with the history of/);
  const made = await connection.record("workspace_create", { environment });
  const asked = await connection.bulk("workspace_exec", {
    workspace_id: made.workspace_id,
    command: "cat .git/HEAD kept.txt; grep -c refs/ .git/packed-refs; ls .git/objects/pack | wc -l",
    timeout_seconds: 120,
  });
  assert.match(asked.parts.join(""), /^ref: refs\/heads\/main\nsecond\n[1-9]\d*\n[0-9]+\n$/);
  const seedless = await place.connect(["--with-git"]).then(
    async (other) => {
      await other[Symbol.asyncDispose]();
      return "it started";
    },
    () => "refused",
  );
  assert.equal(seedless, "refused");
});

for (const [url, ref, code] of [
  ["/does/not/exist", undefined, "repository_unreachable"],
  ["https://127.0.0.1:9/x.git", undefined, "repository_unreachable"],
  ["ext::sh -c touch%20x", undefined, "invalid_argument"],
  ["--upload-pack=touch x", undefined, "invalid_argument"],
  ["https://-x/y", undefined, "invalid_argument"],
  ["ssh://-oProxyCommand=touch/x", undefined, "invalid_argument"],
  ["-oProxyCommand=x@host:path", undefined, "invalid_argument"],
  ["http://example.org/x.git", undefined, "invalid_argument"],
  ["git://example.org/x.git", undefined, "invalid_argument"],
  ["host:path\nx", undefined, "invalid_argument"],
  ["/tmp", "--output=/tmp/x", "invalid_argument"],
  ["/tmp", "a..b", "invalid_argument"],
  ["/tmp", "HEAD@{1}", "invalid_argument"],
  ["/tmp", "+refs/*:refs/*", "invalid_argument"],
] as const)
  test(`${JSON.stringify(url)} ${ref ?? ""} is ${code}`, async () => {
    await assert.rejects(clone(url, ref), { code });
  });

test("a workspace starts from the repository, every one from the same commit", async () => {
  const args = ["--repo-url", "../origin", "--repo-ref", "main"];
  await using connection = await place.connect(args);
  assert.match(connection.client.getInstructions() ?? "", /a clean clone of .*origin at main/);
  const made = await connection.record("workspace_create", { environment });
  const commit = git("rev-parse", "main");
  assert.equal(made.seeded_from, `${origin} at main, commit ${commit}`);
  const list = await connection.bulk("workspace_exec", {
    workspace_id: made.workspace_id,
    command: "ls -A; cat kept.txt; ls -l run.sh | cut -c1-10; readlink link",
    timeout_seconds: 120,
  });
  assert.equal(list.parts.join(""), `${expected.join("\n")}\nsecond\n-rwxr-xr-x\nkept.txt\n`);
  assert.ok(!existsSync(trap));
  // The owner's own git may well run the filters.
  writeFileSync(join(origin, "later"), "");
  git("-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false", "add", "later");
  git("-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false", "commit", "-qm", "three");
  const second = await connection.record("workspace_create", { environment });
  assert.equal(second.seeded_from, made.seeded_from);
  await connection[Symbol.asyncDispose]();
  assert.deepEqual(readdirSync(clones()), []);
});

test("an unreachable repository is an error that says so, and another seed still works", async () => {
  await using connection = await place.connect(["--repo-url", "/does/not/exist"]);
  const text = await connection.failure("workspace_create", { environment });
  assert.match(
    text,
    /^repository_unreachable: \/does\/not\/exist cannot be fetched: .* Next: Use /,
  );
  const made = await connection.record("workspace_create", { environment, seed: "empty" });
  assert.equal(made.seeded_from, "nothing");
});

test("what a killed server has cloned goes with the next", async () => {
  const abandoned = join(clones(), "clone.00000000-999999-1.partial");
  mkdirSync(abandoned, { recursive: true });
  const cloned = await clone(origin);
  execFileSync("rm", ["-r", cloned.directory]);
  assert.ok(!existsSync(abandoned));
});

test("what a killed server has cloned goes with whatever nothing uses, though no other clones", async () => {
  const abandoned = join(clones(), "clone.00000000-999999-1.partial");
  const cloned = await clone(origin);
  mkdirSync(join(abandoned, "home"), { recursive: true });
  await place.workspaces.pyro.pruneEnvironments();
  assert.ok(!existsSync(abandoned));
  assert.ok(existsSync(cloned.archivePath), "that of a process that lives");
  execFileSync("rm", ["-r", cloned.directory]);
});

test("nothing in a directory that others may write is swept or used", async () => {
  const shared = place.workspaces.path("shared");
  const planted = ["pyro-repository", "clone"].map((name) =>
    join(shared, `${name}.00000000-999999-1.partial`),
  );
  for (const directory of planted) {
    mkdirSync(join(directory, "theirs"), { recursive: true });
    if (process.getuid?.() === 0) chownSync(directory, 65534, 65534);
  }
  chmodSync(shared, 0o1777);
  const { TMPDIR } = process.env;
  process.env.TMPDIR = shared;
  try {
    const cloned = await clone(origin);
    assert.equal(dirname(cloned.directory), clones());
    assert.equal(statSync(cloned.directory).mode & 0o077, 0);
    execFileSync("rm", ["-r", cloned.directory]);
  } finally {
    if (TMPDIR === undefined) delete process.env.TMPDIR;
    else process.env.TMPDIR = TMPDIR;
  }
  assert.deepEqual(readdirSync(shared).length, planted.length);
  for (const directory of planted) assert.ok(existsSync(join(directory, "theirs")));
});

test("a git that is not there is named", async () => {
  const { PATH } = process.env;
  process.env.PATH = "/nonexistent";
  try {
    await assert.rejects(clone(origin), { code: "host_tool_missing" });
  } finally {
    process.env.PATH = PATH;
  }
});

/** Where clones are made. */
function clones(): string {
  return join(place.workspaces.home.cacheDirectory, "repositories");
}

function clone(
  url: string,
  ref?: string,
  options: { readonly withGit?: boolean } = {},
): ReturnType<typeof cloneRepository> {
  const { cacheDirectory } = place.workspaces.home;
  return cloneRepository(url, { ref, cacheDirectory, ...options });
}
