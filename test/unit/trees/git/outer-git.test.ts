import assert from "node:assert/strict";
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { test } from "node:test";
import { toBuffer } from "../../../../src/model/byte-path.ts";
import { walkCheckout } from "../../../../src/trees/walk-checkout.ts";
import { collect, refusal } from "../support.ts";
import { openPlace, type Place } from "./place.ts";

/** The copy that a guest would have of `name`, as the directory `…-copy`; what was said about it. */
async function copy({ root }: Place, name: string, respectGitignore = false): Promise<string[]> {
  const warnings: string[] = [];
  const onWarning = (text: string) => warnings.push(text);
  const walk = walkCheckout(join(root, name), { respectGitignore, onWarning });
  for (const { entry, content } of await collect(walk)) {
    const at = toBuffer(`${root}/${basename(name)}-copy/${entry.path}`);
    if (entry.type === "directory") mkdirSync(at);
    else if (entry.type === "symlink") symlinkSync(toBuffer(entry.target), at);
    // Exclusive: no path may come twice.
    else writeFileSync(at, content ?? "", { flag: "wx", mode: entry.mode });
  }
  return warnings;
}

function assertWhole(place: Place, name: string): void {
  const copied = `${basename(name)}-copy`;
  place.git(copied, "fsck", "--strict");
  const look = (cwd: string) =>
    [["status", "--porcelain"], ["log", "--oneline"], ["branch"]].map((args) =>
      place.git(cwd, ...args).replaceAll("+ ", "  "),
    );
  // Nothing may be found where it was on the host.
  const before = look(name);
  place.hide();
  try {
    assert.deepEqual(look(copied), before);
    assert.equal(
      place.git(copied, "rev-parse", "--show-toplevel").trim(),
      join(place.root, copied),
    );
    place.git(copied, "gc", "--quiet");
  } finally {
    place.unhide();
  }
}

test("a linked worktree comes along with its repository, where that was asked for", async (t) => {
  const place = await openPlace(t);
  place.make("main");
  place.write("main/.git/info/exclude", "secret\n");
  place.git("main", "worktree", "add", "--quiet", "../tree", "-b", "topic");
  place.write("tree/more");
  place.commit("tree");
  for (const path of ["tree/changed", "tree/secret", "main/untracked"]) place.write(path);
  place.git("tree", "add", "changed");
  const warnings = await copy(place, "tree", true);
  assert.deepEqual(warnings, [
    `Git's files in ${place.root}/main/.git/worktrees/tree came along from outside of the checkout.`,
    `Git's files in ${place.root}/main/.git came along from outside of the checkout.`,
  ]);
  assertWhole(place, "tree");
  assert.throws(() => readFileSync(join(place.root, "tree-copy/secret")), /ENOENT/);
});

test("a worktree of a bare repository, a submodule, and borrowed objects come along", async (t) => {
  const place = await openPlace(t);
  place.make("first");
  place.git(".", "clone", "--quiet", "--bare", "first", "bare");
  place.git("bare", "worktree", "add", "--quiet", "../tree");
  await copy(place, "tree");
  assertWhole(place, "tree");
  place.make("super");
  place.git("super", "submodule", "--quiet", "add", "../first", "lib");
  await copy(place, "super/lib");
  assertWhole(place, "super/lib");
  place.git("first", "gc", "--quiet");
  place.git(".", "clone", "--quiet", "--shared", "first", "second");
  place.write("second/own");
  place.commit("second");
  place.git(".", "clone", "--quiet", "--shared", "second", "third");
  assert.equal((await copy(place, "third")).length, 2);
  assertWhole(place, "third");
});

test("a checkout that is whole is copied as it is", async (t) => {
  const place = await openPlace(t);
  place.make("whole");
  assert.deepEqual(await copy(place, "whole"), []);
  assertWhole(place, "whole");
});

test("a repository that does not lead back is refused, and of borrowed directories only objects are read", async (t) => {
  const place = await openPlace(t);
  place.make("private");
  place.git("private", "worktree", "add", "--quiet", "../tree");
  for (const target of ["private/.git", "private/.git/worktrees/tree", "nowhere"]) {
    place.write("trap/.git", `gitdir: ../${target}\n`);
    await refusal(copy(place, "trap"), "seed_source_unusable");
  }
  place.make("borrower");
  place.write("keys/id_rsa", "secret");
  place.write("keys/pack/secret", "secret");
  place.write("keys/ab/cd.key", "secret");
  place.write("borrower/.git/objects/info/alternates", `${place.root}/keys\n`);
  await copy(place, "borrower");
  const listed = readdirSync(join(place.root, "borrower-copy/.git/borrowed-1"), {
    recursive: true,
  });
  assert.deepEqual(listed.sort(), ["ab", "pack"]);
});
