import assert from "node:assert/strict";
import { after, describe, it } from "node:test";
import { parsePatch } from "../../../src/changes/parse-patch.ts";
import { planPatch } from "../../../src/changes/plan-patch.ts";
import { exportPatch } from "./export-patch.ts";
import { GitOracle } from "./git-oracle.ts";
import {
  applyOperations,
  describeTree,
  file,
  type MemoryTree,
  targetReaderOf,
} from "./memory-tree.ts";
import { Chance, mutateTree, randomTree } from "./random-trees.ts";

const rounds = Number(process.env.ROUNDS ?? 300);
const oracle = new GitOracle();
after(() => oracle.dispose());

describe("an exported patch", () => {
  it(`is what git apply and pyro need to make the new tree of the old one, ${rounds} times`, async () => {
    for (let seed = 1; seed <= rounds; seed += 1) {
      const chance = new Chance(seed);
      const old = randomTree(chance);
      await assertRecreates(old, mutateTree(chance, old), `seed ${seed}`);
    }
  });

  it("can be taken back with git apply -R", async () => {
    for (let seed = 1; seed <= rounds / 10; seed += 1) {
      const chance = new Chance(seed * 77);
      const old = randomTree(chance);
      const now = mutateTree(chance, old);
      const patch = await exportPatch(old, now);
      if (patch.length === 0) continue;
      const { tree, stderr } = oracle.apply(now, patch, ["-R"]);
      const expected = oracle.forgetsModes() ? withModesOf(tree, old, now) : old;
      const message = `seed ${seed}: ${stderr}`;
      assert.deepEqual(tree && describeTree(tree), describeTree(expected), message);
    }
  });

  it("holds text beyond the size limit as binary", async () => {
    const old: MemoryTree = new Map([["big", file("line\n".repeat(1_000_000))]]);
    const now: MemoryTree = new Map([["big", file(`${"line\n".repeat(1_000_000)}end`)]]);
    assert.ok((await exportPatch(old, now)).includes("GIT binary patch"));
    await assertRecreates(old, now, "big");
  });

  it("leaves out what git would refuse, so that the rest applies", async () => {
    const now: MemoryTree = new Map([
      ["a", file("a\n")],
      [".git/hooks/pre-commit", file("evil\n", 0o755)],
      ["sub/.GIT/config", file("evil\n")],
    ]);
    const { tree } = oracle.apply(new Map(), await exportPatch(new Map(), now));
    assert.deepEqual([...(tree?.keys() ?? [])], ["a"]);
  });
});

async function assertRecreates(old: MemoryTree, now: MemoryTree, label: string): Promise<void> {
  const patch = await exportPatch(old, now);
  if (patch.length === 0) return assert.deepEqual(describeTree(now), describeTree(old));
  const shown = `${label}\n${patch.toString("latin1", 0, 20_000)}`;
  const applied = oracle.apply(old, patch);
  assert.ok(applied.tree, `${applied.stderr}\n${shown}`);
  assert.deepEqual(describeTree(applied.tree), describeTree(now), shown);
  const plan = await planPatch(parsePatch(patch), targetReaderOf(old)).catch((error: unknown) =>
    assert.fail(`${error}\n${shown}`),
  );
  assert.deepEqual(describeTree(applyOperations(old, plan.operations)), describeTree(now), shown);
}

/** `old`, where what the patch deletes is the kind of file that a git which forgets modes made of it. */
function withModesOf(tree: MemoryTree | undefined, old: MemoryTree, now: MemoryTree): MemoryTree {
  const entries = [...old].map(([path, entry]) => {
    const { type, mode } = tree?.get(path) ?? entry;
    return [path, now.get(path)?.type === entry.type ? entry : { ...entry, type, mode }] as const;
  });
  return new Map(entries);
}
