import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { removeTreeSync } from "../../../src/platform/remove-tree.ts";
import { repository, scratchDirectory } from "../../support/home.ts";

/** Nobody's, who may not pass over modes as root does. */
const uid = 64_999;
const isRoot = process.getuid?.() === 0;

test("a tree whose directories may not be written or entered goes whole, and what its links lead to stays", () => {
  const directory = scratchDirectory();
  const tree = join(directory, "tree");
  const outside = join(directory, "outside");
  mkdirSync(join(tree, "module", "closed"), { recursive: true });
  mkdirSync(outside);
  writeFileSync(join(outside, "kept"), "kept");
  writeFileSync(join(tree, "module", "file"), "");
  writeFileSync(join(tree, "module", "closed", "file"), "");
  symlinkSync(outside, join(tree, "module", "link"));
  if (isRoot)
    for (const path of [
      directory,
      tree,
      "module",
      "module/closed",
      "module/file",
      "module/closed/file",
    ])
      chownSync(path.startsWith("/") ? path : join(tree, path), uid, uid);
  chmodSync(outside, 0o755);
  chmodSync(join(tree, "module", "closed"), 0o000);
  chmodSync(join(tree, "module"), 0o555);
  // The sources may lie where nobody else can read them.
  const module = new URL("../../../src/platform/remove-tree.ts", import.meta.url).href;
  const script = `const { removeTree } = await import(${JSON.stringify(module)});
    ${isRoot ? `process.setgid(${uid}); process.setuid(${uid});` : ""}
    await removeTree(${JSON.stringify(tree)});
    await removeTree(${JSON.stringify(tree)});`;
  try {
    execFileSync(process.execPath, ["--input-type=module", "--eval", script], { cwd: repository });
    assert.equal(existsSync(tree), false);
    assert.equal(existsSync(join(outside, "kept")), true);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});

test("at once goes the same, and what is not there, nor what it would be in, is no error", () => {
  const directory = scratchDirectory();
  const tree = join(directory, "tree");
  mkdirSync(join(tree, "inner"), { recursive: true });
  writeFileSync(join(directory, "kept"), "kept");
  symlinkSync(join(directory, "kept"), join(tree, "inner", "link"));
  chmodSync(join(tree, "inner"), 0o555);
  removeTreeSync(tree);
  removeTreeSync(tree);
  removeTreeSync(join(tree, "inner"));
  assert.equal(existsSync(tree), false);
  assert.equal(existsSync(join(directory, "kept")), true);
  rmSync(directory, { recursive: true });
});
