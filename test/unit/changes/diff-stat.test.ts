import assert from "node:assert/strict";
import { after, describe, it } from "node:test";
import { computeDiffStat, renderDiffStat, summaryLine } from "../../../src/changes/diff-stat.ts";
import { changesOf } from "./export-patch.ts";
import { GitOracle } from "./git-oracle.ts";
import { file, type MemoryTree, readerOf } from "./memory-tree.ts";

const oracle = new GitOracle();
after(() => oracle.dispose());

const lines = (count: number, text = "line"): string =>
  Array.from({ length: count }, (_, index) => `${text} ${index}\n`).join("");

const old: MemoryTree = new Map([
  ["kept", file("kept\n")],
  ["src/deep/in/the/tree/component-one.ts", file(lines(20))],
  ["src/edited", file(lines(30))],
  ["gone", file(lines(3, "gone"))],
  ["run.sh", file("#!/bin/sh\n")],
  ["image.png", file(Buffer.from([0, 1, 2]))],
]);
const now: MemoryTree = new Map([
  ["kept", file("kept\n")],
  ["src/deep/out/the/tree/component-one.ts", file(`${lines(20)}more\n`)],
  ["src/edited", file(`${lines(10, "new")}${lines(25)}`)],
  ["run.sh", file("#!/bin/sh\n", 0o755)],
  ["image.png", file(Buffer.alloc(2000))],
  ["new", file(lines(7))],
]);

async function stat(width: number, to: MemoryTree = now): Promise<string> {
  const readers = { readOld: readerOf(old), readNew: readerOf(to) };
  return renderDiffStat(await computeDiffStat(await changesOf(old, to), readers), width);
}

function gitStat(width: number, to: MemoryTree = now): string {
  const cwd = oracle.newRepository(old);
  oracle.replaceFiles(cwd, to);
  oracle.git(["add", "--all"], cwd);
  return oracle.git(["diff", "--cached", "-M", `--stat=${width}`], cwd).toString();
}

describe("the statistics of a diff", () => {
  for (const width of [30, 50, 80, 200])
    it(`look as git's do, ${width} columns wide`, async () => {
      assert.equal(await stat(width), gitStat(width));
    });

  it("look as git's do for a change of hundreds of lines", async () => {
    const to: MemoryTree = new Map([...now, ["new", file(lines(700))]]);
    assert.equal(await stat(80, to), gitStat(80, to));
  });

  it("end in a line that knows one from many", () => {
    assert.equal(summaryLine(1, 1, 0), " 1 file changed, 1 insertion(+)");
    assert.equal(summaryLine(2, 0, 1), " 2 files changed, 1 deletion(-)");
    assert.equal(summaryLine(3, 2, 4), " 3 files changed, 2 insertions(+), 4 deletions(-)");
    assert.equal(summaryLine(1, 0, 0), " 1 file changed, 0 insertions(+), 0 deletions(-)");
  });

  it("show no name that could drive a terminal", async () => {
    const to: MemoryTree = new Map([["\x1b[2J\xc2\x9b\xe2\x80\xae", file("x\n")]]);
    assert.doesNotMatch(await stat(80, to), /[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]/);
  });
});
