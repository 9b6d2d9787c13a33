import assert from "node:assert/strict";
import { after, describe, it } from "node:test";
import { parsePatch } from "../../../src/changes/parse-patch.ts";
import { planPatch } from "../../../src/changes/plan-patch.ts";
import { GitOracle } from "./git-oracle.ts";
import {
  applyOperations,
  describeTree,
  file,
  type MemoryTree,
  readTree,
  targetReaderOf,
} from "./memory-tree.ts";
import { Chance, editText, mutateTree, randomText, randomTree } from "./random-trees.ts";

const rounds = Number(process.env.ROUNDS ?? 30);
const oracle = new GitOracle();
after(() => oracle.dispose());

async function applied(tree: MemoryTree, patch: Buffer): Promise<MemoryTree> {
  const { operations } = await planPatch(parsePatch(patch), targetReaderOf(tree));
  return applyOperations(tree, operations);
}

/** Fails with the patch shown, which is what one needs to see. */
async function assertApplies(
  patch: Buffer,
  trees: { from: MemoryTree; to: MemoryTree },
  label: string,
): Promise<void> {
  const shown = `${label}\n${patch.toString("latin1")}`;
  const result = await applied(trees.from, patch).catch((error: unknown) =>
    assert.fail(`${error}\n${shown}`),
  );
  assert.deepEqual(describeTree(result), describeTree(trees.to), shown);
}

const diffOptions = [
  ["--binary"],
  ["--binary", "--no-prefix"],
  ["--binary", "-M30%", "-C", "--find-copies-harder"],
  ["--binary", "--no-renames", "-U1"],
  ["--binary", "--src-prefix=i/", "--dst-prefix=w/"],
  ["--binary", "--full-index", "-U0"],
  ["--binary", "-B"],
] as const;

describe("a patch by git diff", () => {
  it(`makes the new tree of the old one, with many options, ${rounds} times`, async () => {
    for (let seed = 1; seed <= rounds; seed += 1) {
      const chance = new Chance(seed * 7919);
      const from = randomTree(chance);
      const cwd = oracle.newRepository(from);
      oracle.replaceFiles(cwd, mutateTree(chance, from));
      const to = readTree(cwd);
      oracle.git(["add", "--all"], cwd);
      const options = diffOptions[seed % diffOptions.length] ?? [];
      const patch = oracle.git(["diff", "--cached", ...options, "HEAD"], cwd);
      // With -B git writes patches that its own apply refuses: a rename onto a file that is still there.
      const isUsable =
        !(options as readonly string[]).includes("-B") || oracle.apply(from, patch).tree;
      if (patch.length > 0 && isUsable)
        await assertApplies(patch, { from, to }, `seed ${seed} ${options}`);
    }
  });

  it("fits a tree that moved on exactly where git says it does", async () => {
    let accepted = 0;
    const cwd = oracle.newRepository(new Map());
    for (let seed = 1; seed <= rounds * 3; seed += 1) {
      const chance = new Chance(seed * 104_729);
      const base = Buffer.from(randomText(chance, 150), "latin1");
      const edited = editText(chance, base, 2);
      oracle.replaceFiles(cwd, new Map([["f", file(base)]]));
      oracle.git(["add", "--all"], cwd);
      oracle.replaceFiles(cwd, new Map([["f", file(edited)]]));
      const patch = oracle.git(["diff"], cwd);
      const moved: MemoryTree = new Map([["f", file(editText(chance, base, 2))]]);
      const expected = patch.length > 0 ? oracle.apply(moved, patch).tree : undefined;
      if (expected === undefined) continue;
      accepted += 1;
      const label = `seed ${seed}\n${JSON.stringify(moved.get("f")?.content.toString("latin1"))}`;
      await assertApplies(patch, { from: moved, to: expected }, label);
    }
    assert.ok(accepted > rounds / 2, `${accepted} accepted`);
  });
});

describe("a series by git format-patch", () => {
  it(`is applied commit by commit, ${rounds} times`, async () => {
    for (let seed = 1; seed <= rounds; seed += 1) {
      const chance = new Chance(seed * 1009);
      const from = randomTree(chance, 6);
      const cwd = oracle.newRepository(from);
      let now = from;
      for (let commits = 3; commits > 0; commits -= 1) {
        now = mutateTree(chance, now);
        oracle.replaceFiles(cwd, now);
        oracle.commit(cwd);
      }
      const patch = oracle.git(["format-patch", "--stdout", "--binary", "HEAD~3"], cwd);
      if (!patch.includes("diff --git")) continue;
      await assertApplies(patch, { from, to: now }, `seed ${seed}`);
    }
  });
});

describe("a patch by diff -u", () => {
  it(`makes the new tree of the old one, ${rounds} times`, async () => {
    for (let seed = 1; seed <= rounds; seed += 1) {
      const chance = new Chance(seed * 31);
      const textTree = (): MemoryTree =>
        new Map(
          ["one", "sub/two", "sub/three x", "four"]
            .filter(() => chance.happens(0.8))
            .map((path) => [path, file(randomText(chance).replaceAll("\0", ""))]),
        );
      const from = textTree();
      const to: MemoryTree = new Map(textTree());
      for (const [path, { content }] of from)
        if (chance.happens(0.7))
          to.set(path, file(editText(chance, content).toString("latin1").replaceAll("\0", "")));
      for (const [path, { content }] of [...from, ...to])
        if (content.length === 0) {
          from.delete(path);
          to.delete(path);
        }
      const cwd = oracle.newDirectory(
        new Map([
          ...prefixed("old", from),
          ...prefixed("new", to),
          ["old/.keep", file("")],
          ["new/.keep", file("")],
        ]),
      );
      const { stdout } = oracle.run("diff", ["-ruNa", "old", "new"], { cwd });
      if (stdout.length > 0) await assertApplies(stdout, { from, to }, `seed ${seed}`);
    }
  });
});

function prefixed(prefix: string, tree: MemoryTree): MemoryTree {
  return new Map([...tree].map(([path, content]) => [`${prefix}/${path}`, content]));
}
