import assert from "node:assert/strict";
import { after, describe, it } from "node:test";
import { findRenames } from "../../../src/changes/find-renames.ts";
import { isGitDirectoryName } from "../../../src/changes/git-directory.ts";
import { quoteName, unquoteName } from "../../../src/changes/git-names.ts";
import { diffLines } from "../../../src/changes/line-diff.ts";
import { patchOmissions } from "../../../src/changes/patch-omissions.ts";
import { changesOf, exportPatch } from "./export-patch.ts";
import { GitOracle } from "./git-oracle.ts";
import { file, link, type MemoryTree, readerOf } from "./memory-tree.ts";
import { Chance } from "./random-trees.ts";

const oracle = new GitOracle();
after(() => oracle.dispose());

const numbered = (count: number): string[] =>
  Array.from({ length: count }, (_, index) => `${index + 1}\n`);

async function assertLikeGit(old: MemoryTree, now: MemoryTree): Promise<void> {
  const cwd = oracle.newRepository(old);
  oracle.replaceFiles(cwd, now);
  oracle.git(["add", "--all"], cwd);
  const expected = oracle
    .git(["-c", "core.abbrev=7", "diff", "--cached", "-M"], cwd)
    .toString("latin1");
  assert.equal((await exportPatch(old, now, "text")).toString("latin1"), expected);
}

describe("a diff as text", () => {
  it("is byte for byte what git writes for all kinds of changes", async () => {
    const long = numbered(40);
    const edited = long.toSpliced(4, 1).toSpliced(20, 0, "new\n").toSpliced(-1, 1, "end");
    await assertLikeGit(
      new Map([
        ["binary", file(Buffer.from([0, 1]))],
        ["crlf", file("a\r\nb\r\n")],
        ["edited", file(long.join(""))],
        ["gone with blanks", file("x\ny")],
        ["link", link("target")],
        ["mode", file("m\n")],
        ["mode+text", file("m\n")],
        ["moved", file(long.join("moved "))],
        ["to-link", file("file\n")],
        ["type\tname", file("latin1 \xe9\n")],
      ]),
      new Map([
        ["binary", file(Buffer.from([0, 2]))],
        ["crlf", file("a\r\nc\r\n")],
        ["edited", file(edited.join(""))],
        ["empty-new", file("", 0o755)],
        ["link", link("elsewhere")],
        ["mode", file("m\n", 0o755)],
        ["mode+text", file("n\n", 0o755)],
        ["sub/moved \xc3\xa9", file(`${long.join("moved ")}more\n`)],
        ["to-link", link("x")],
        ["type\tname", file("latin1 \xe8\n")],
      ]),
    );
  });

  it("is what git writes for an empty file that goes", async () => {
    await assertLikeGit(new Map([["empty", file("")]]), new Map());
  });

  it("names a file beyond the size limit", async () => {
    const now: MemoryTree = new Map([["big", file("x\n".repeat(3_000_000))]]);
    const text = (await exportPatch(new Map(), now, "text")).toString();
    assert.match(
      text,
      /^Files \/dev\/null and b\/big differ: too large to diff \(0 -> 6000000 bytes\)$/m,
    );
  });
});

describe("names in git's quotes", () => {
  it("are read as they were written, whatever their bytes", () => {
    const chance = new Chance(1);
    for (let round = 0; round < 2000; round += 1) {
      const name = Array.from({ length: 1 + chance.below(12) }, () =>
        String.fromCharCode(chance.below(256)),
      ).join("");
      const quoted = quoteName(name);
      if (quoted !== name) assert.deepEqual(unquoteName(quoted), { name, length: quoted.length });
      else assert.doesNotMatch(name, /["\\\x00-\x1f\x7f-\xff]/);
    }
  });

  it("know git's directory in every disguise, and nothing else", () => {
    for (const name of [
      ".git",
      ".GIT",
      ".Git.",
      ".git . .",
      "git~1",
      "GIT~1",
      ".git:x",
      ".git\\x",
      ".g\xe2\x80\x8cit",
    ])
      assert.equal(isGitDirectoryName(name), true, name);
    for (const name of [
      ".gitignore",
      "git",
      ".git-x",
      ".gitx",
      "a.git",
      "git~2",
      ".github",
      "..git",
    ])
      assert.equal(isGitDirectoryName(name), false, name);
  });
});

describe("the lines that differ", () => {
  for (const editLengthMax of [0, 2, 1000])
    it(`make the new text of the old one, with effort ${editLengthMax}`, () => {
      for (let seed = 1; seed <= 500; seed += 1) {
        const chance = new Chance(seed);
        const text = (): string[] =>
          Array.from({ length: chance.below(40) }, () => `${chance.below(1 + chance.below(30))}`);
        const [old, now] = [text(), text()];
        const made: string[] = [];
        let at = 0;
        for (const region of diffLines(old, now, { editLengthMax, timeMs: 1000 })) {
          made.push(
            ...old.slice(at, region.oldStart),
            ...now.slice(region.newStart, region.newEnd),
          );
          at = region.oldEnd;
        }
        assert.deepEqual([...made, ...old.slice(at)], now, `seed ${seed}`);
      }
    });

  it("are found in hostile files within the limits", () => {
    const chance = new Chance(5);
    const text = (): string[] =>
      Array.from({ length: 300_000 }, () => (chance.happens(0.5) ? "a\n" : "b\n"));
    assert.ok(diffLines(text(), text(), { editLengthMax: 3000, timeMs: 500 }).length > 0);
  });
});

describe("renames", () => {
  it("of altered files are found, the most alike first", async () => {
    const text = numbered(100);
    const old: MemoryTree = new Map([
      ["a", file(text.join(""))],
      ["b", file(text.toSpliced(0, 20).join(""))],
    ]);
    const now: MemoryTree = new Map([
      ["x", file(text.toSpliced(50, 2).join(""))],
      ["y", file(numbered(3).join("z"))],
    ]);
    const changes = await changesOf(old, now);
    assert.deepEqual(
      changes.map(({ kind, oldPath, path }) => [kind, oldPath, path]),
      [
        ["deleted", undefined, "b"],
        ["renamed", "a", "x"],
        ["added", undefined, "y"],
      ],
    );
    assert.ok((changes[1]?.similarity ?? 0) > 90);
  });

  it("are not searched among more files than the limit", async () => {
    const text = numbered(50).join("");
    const tree = (name: string): MemoryTree =>
      new Map(
        Array.from({ length: 2000 }, (_, index) => [
          `${name}${index}`,
          file(`${text}${name}${index}\n`),
        ]),
      );
    const [old, now] = [tree("a"), tree("b")];
    const all = await changesOf(old, now);
    assert.equal(all.filter(({ kind }) => kind === "renamed").length, 200);
    assert.equal(
      (await findRenames([], { readOld: readerOf(old), readNew: readerOf(now) })).length,
      0,
    );
  });
});

describe("what a patch leaves out", () => {
  it("is named", async () => {
    const old: MemoryTree = new Map([["p", file("p\n", 0o644)]]);
    const now: MemoryTree = new Map([
      ["p", file("p\n", 0o600)],
      [".git/x", file("x\n")],
      ["s", file("s\n", 0o640)],
      ["fine", file("f\n")],
    ]);
    const omissions = patchOmissions(await changesOf(old, now));
    assert.deepEqual(
      omissions.map(({ path, isWhole }) => [path, isWhole]),
      [
        [".git/x", true],
        ["p", false],
        ["s", false],
      ],
    );
  });
});
