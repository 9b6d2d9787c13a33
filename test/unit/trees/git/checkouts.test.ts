import assert from "node:assert/strict";
import { existsSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { parseIndex } from "../../../../src/trees/git/index-file.ts";
import { walkDirectory } from "../../../../src/trees/walk-directory.ts";
import { randomFrom } from "../support.ts";
import { openPlace, type Place } from "./place.ts";

const remedy =
  'the command line brings it along with --include-outer-git, and a clone made with "git clone --dissociate" is whole.';

async function copied(root: string, respectGitignore = true) {
  const files: string[] = [];
  const warnings: string[] = [];
  const walk = walkDirectory(root, { respectGitignore, onWarning: (text) => warnings.push(text) });
  for await (const { entry } of walk)
    if (entry.type !== "directory" && !/(^|\/)\.git(\/|$)/.test(entry.path)) files.push(entry.path);
  return { files: files.sort(), warnings };
}

/** Files of every kind: tracked although ignored, below an ignored directory, ignored and not tracked, taken out of the index again. */
function fill({ git, write, commit }: Place, name: string) {
  for (const path of [
    ".env",
    "keep.log",
    "other.log",
    "out/a",
    "out/b",
    "out/deep/c",
    "out/deep/d",
  ])
    write(`${name}/${path}`);
  for (const path of ["gen/x/1", "src/main", "src/x.log", "apart/y", "was-tracked.log"])
    write(`${name}/${path}`);
  commit(name);
  write(`${name}/.gitignore`, "*.log\nout/\n.env\ngen\n");
  git(name, "rm", "-r", "--quiet", "--cached", ".");
  git(name, "add", ".");
  git(name, "add", "--force", "keep.log", "out/a", "out/deep/c");
  git(name, "commit", "--quiet", "--message", "Some of them");
  write(`${name}/untracked`);
}

const kinds: Readonly<Record<string, (place: Place) => void>> = {
  "the second version": ({ git }) => git("c", "update-index", "--index-version", "2"),
  "the third version": ({ git, write }) => {
    write("c/intended.log");
    git("c", "add", "--force", "--intent-to-add", "intended.log");
  },
  "the fourth version": ({ git }) => git("c", "update-index", "--index-version", "4"),
  "a sparse checkout": ({ git }) => {
    git("c", "sparse-checkout", "init", "--cone", "--sparse-index");
    git("c", "sparse-checkout", "set", "src", "out");
  },
  "two files": ({ git }) => {
    git("c", "update-index", "--split-index");
    git("c", "rm", "--quiet", "--cached", "keep.log", "out/a");
    git("c", "add", "--force", "other.log", "out/b");
  },
  "two files of the fourth version": ({ git, write }) => {
    git("c", "update-index", "--index-version", "4", "--split-index");
    write("c/out/deep/c", "changed");
    git("c", "add", "--force", "other.log", "out/deep/c");
    git("c", "rm", "--quiet", "--cached", "keep.log");
  },
};

for (const [kind, change] of Object.entries(kinds))
  test(`what git tracks comes along though it is ignored: an index of ${kind}`, async (t) => {
    const place = await openPlace(t);
    place.make("c");
    fill(place, "c");
    change(place);
    const known = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"];
    const listed = place
      .git("c", ...known)
      .split("\0")
      .filter(Boolean)
      .sort();
    // What is not checked out is listed too.
    const expected = listed.filter((path) => existsSync(join(place.root, "c", path)));
    const { files, warnings } = await copied(join(place.root, "c"));
    assert.deepEqual(files, expected);
    assert.ok(
      files.some((path) => path.startsWith("out/")),
      "something ignored is tracked",
    );
    assert.ok(!files.includes(".env"));
    assert.deepEqual(warnings, []);
  });

test("what git tracks comes along from a repository of SHA-256 and from a submodule", async (t) => {
  const place = await openPlace(t);
  place.make("c", "--object-format=sha256");
  fill(place, "c");
  assert.ok((await copied(join(place.root, "c"))).files.includes("out/deep/c"));
  place.make("inner");
  fill(place, "inner");
  place.make("super");
  place.git("super", "submodule", "--quiet", "add", "../inner", "lib/inner");
  place.write("super/.gitignore", "lib/\n");
  place.write("super/lib/inner/more");
  const { files, warnings } = await copied(join(place.root, "super"));
  assert.ok(files.includes("lib/inner/out/a"), files.join(" "));
  assert.ok(files.includes("lib/inner/more"), "a submodule is tracked as a whole");
  assert.ok(!files.includes("lib/inner/out/b"));
  assert.deepEqual(warnings, []);
});

test("an index that is damaged is told, and keeps what is ignored at home", async (t) => {
  const place = await openPlace(t);
  place.make("c");
  fill(place, "c");
  const path = join(place.root, "c/.git/index");
  const index = readFileSync(path);
  for (const at of [0, 5, 9, 12 + 60, 12 + 61, index.length - 60]) {
    const damaged = Buffer.from(index);
    damaged.fill(0xff, at, at + 4);
    writeFileSync(path, damaged);
    const { files } = await copied(join(place.root, "c"));
    assert.ok(files.includes("src/main"));
    assert.ok(!files.includes(".env"));
  }
  writeFileSync(path, index.subarray(0, 40));
  const { files, warnings } = await copied(join(place.root, "c"));
  assert.ok(!files.includes("keep.log"));
  assert.equal(warnings.length, 1);
  assert.match(warnings[0] ?? "", /^The checkout: its index was not read, /);
});

test("no damage to an index is more than a refusal", async (t) => {
  const place = await openPlace(t);
  place.make("c");
  fill(place, "c");
  place.git("c", "update-index", "--index-version", "4", "--split-index");
  place.git("c", "rm", "--quiet", "--cached", "keep.log");
  const index = readFileSync(join(place.root, "c/.git/index"));
  const chance = randomFrom(7);
  let refused = 0;
  for (let round = 0; round < 3000; round++) {
    const damaged = Buffer.from(index);
    for (let count = 1 + chance(4); count > 0; count--)
      damaged[chance(damaged.length)] = chance(256);
    const cut = chance(4) === 0 ? damaged.subarray(0, chance(damaged.length)) : damaged;
    if (parseIndex(cut, { idBytes: 20, pathsBytesMax: 100_000 }) === undefined) refused++;
  }
  assert.ok(refused > 100 && refused < 3000, `${refused} refused`);
});

test("a repository that lies elsewhere is named, and nothing of it is read", async (t) => {
  const place = await openPlace(t);
  place.make("main");
  place.git("main", "worktree", "add", "--quiet", "../linked");
  const linked = await copied(join(place.root, "linked"), false);
  assert.deepEqual(linked.warnings, [
    `The checkout: its repository is in ${place.root}/main/.git/worktrees/linked, which does not come along: git will not work on the copy; ${remedy}`,
  ]);
  place.make("super");
  place.git("super", "submodule", "--quiet", "add", "../main", "lib");
  const inner = await copied(join(place.root, "super/lib"));
  assert.match(inner.warnings[0] ?? "", /in \.\.\/\.git\/modules\/lib, which does not come along/);
  assert.match(inner.warnings[1] ?? "", /its index was not read/);
  assert.deepEqual((await copied(join(place.root, "super"), false)).warnings, []);
  renameSync(join(place.root, "main/.git"), join(place.root, "apart"));
  symlinkSync("../apart", join(place.root, "main/.git"));
  assert.match(
    (await copied(join(place.root, "main"))).warnings[0] ?? "",
    /is in \.\.\/apart, which/,
  );
});

test("a checkout deeper in the tree is named by its path", async (t) => {
  const place = await openPlace(t);
  place.make("main");
  place.git("main", "worktree", "add", "--quiet", "trees/linked");
  const { warnings } = await copied(join(place.root, "main"), false);
  assert.equal(warnings.length, 1);
  assert.match(warnings[0] ?? "", /^The checkout trees\/linked: its repository is in \//);
  place.write("main/.gitignore", "trees\n");
  assert.deepEqual((await copied(join(place.root, "main"))).warnings, []);
});

test("borrowed objects, foreign files, partial clones and new formats are named", async (t) => {
  const place = await openPlace(t);
  place.make("lender");
  place.git(".", "clone", "--quiet", "--shared", "lender", "shared");
  const warningsOf = async () => (await copied(join(place.root, "shared"), false)).warnings;
  assert.deepEqual(await warningsOf(), [
    `The checkout: it borrows objects from ${place.root}/lender/.git/objects, which do not come along: git will miss them; ${remedy}`,
  ]);
  rmSync(join(place.root, "shared/.git/objects/info/alternates"));
  assert.deepEqual(await warningsOf(), []);
  const config = (key: string, value: string) =>
    place.git(".", "config", "--file", "shared/.git/config", key, value);
  config("core.worktree", "../../elsewhere");
  assert.match((await warningsOf())[0] ?? "", /the files are in \.\.\/\.\.\/elsewhere/);
  config("core.worktree", "..");
  assert.deepEqual(await warningsOf(), []);
  config("remote.origin.promisor", "true");
  assert.match((await warningsOf())[0] ?? "", /partial clone/);
  place.git("shared", "config", "--unset", "remote.origin.promisor");
  config("extensions.worktreeConfig", "true");
  config("extensions.refStorage", "reftable");
  assert.deepEqual(
    await warningsOf(),
    [],
    "without the format's version an extension means nothing",
  );
  config("core.repositoryFormatVersion", "1");
  assert.deepEqual(await warningsOf(), [
    "The checkout: its repository uses the extension refstorage, which git knows from 2.45 on: a git in the guest that does not know it refuses to work.",
  ]);
});
