import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parsePatch } from "../../../src/changes/parse-patch.ts";
import { planPatch } from "../../../src/changes/plan-patch.ts";
import { PyroError } from "../../../src/model/errors.ts";
import { exportPatch } from "./export-patch.ts";
import { targetReaderOf } from "./memory-tree.ts";
import { Chance, mutateTree, randomTree } from "./random-trees.ts";

const rounds = Number(process.env.ROUNDS ?? 4000);
const pieces = [
  "diff --git a/x b/x\n",
  "--- a/x\n",
  "+++ b/x\n",
  "@@ -1 +1 @@\n",
  "@@ -0,0 +1 @@\n",
  "GIT binary patch\n",
  "literal 5\n",
  "delta 9\n",
  "rename from x\n",
  "copy to x\n",
  "new file mode 120000\n",
  "deleted file mode 100644\n",
  "\\ No newline at end of file\n",
  "\r",
  "\0",
  '"',
  "\\",
  "\t",
  "\n",
  "999999999",
] as const;

describe("a damaged patch", () => {
  it(`fails with an error of pyro or applies, ${rounds} times`, async () => {
    let accepted = 0;
    for (let seed = 1; seed <= rounds; ) {
      const chance = new Chance(seed);
      const old = randomTree(chance, 8);
      const patch = await exportPatch(old, mutateTree(chance, old));
      for (let damages = 0; damages < 20; damages += 1, seed += 1) {
        const damaged = damage(chance, patch);
        try {
          await planPatch(parsePatch(damaged), targetReaderOf(old));
          accepted += 1;
        } catch (error) {
          assert.ok(error instanceof PyroError, `${error}\n${damaged.toString("latin1")}`);
          assert.match(error.code, /^patch_/);
          assert.doesNotMatch(error.message, /[\x00-\x1f\x7f-\x9f]/);
        }
      }
    }
    assert.ok(accepted > 0 && accepted < rounds);
  });
});

function damage(chance: Chance, patch: Buffer): Buffer {
  let text = patch.toString("latin1");
  for (let count = 1 + chance.below(4); count > 0; count -= 1) {
    const at = chance.below(text.length + 1);
    const end = at + chance.below(30);
    const dice = chance.below(5);
    if (dice === 0) text = text.slice(0, at) + text.slice(end);
    else if (dice === 1) text = text.slice(0, at) + chance.pick(pieces) + text.slice(at);
    else if (dice === 2)
      text = text.slice(0, at) + String.fromCharCode(chance.below(256)) + text.slice(at + 1);
    else if (dice === 3) text = text.slice(0, at) + text.slice(at, end) + text.slice(at);
    else text = text.slice(0, at) + chance.pick(pieces) + text.slice(text.indexOf("\n", at) + 1);
  }
  return Buffer.from(text, "latin1");
}
