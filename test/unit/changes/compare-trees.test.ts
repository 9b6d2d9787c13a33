import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type CompareOptions, compareTrees } from "../../../src/changes/compare-trees.ts";
import type { BaselineEntryLike, TreeChange } from "../../../src/changes/tree-change.ts";
import type { BytePath, TreeEntry } from "../../../src/model/tree.ts";

type Some = Partial<TreeEntry> & { readonly path: BytePath };

function entry(some: Some): TreeEntry {
  const type = some.type ?? "file";
  return {
    type,
    mode: type === "directory" ? 0o755 : 0o644,
    size: type === "file" ? 5 : 0,
    mtimeNs: 1n,
    uid: 0,
    gid: 0,
    inode: "0",
    digest: type === "file" ? "aa" : null,
    target: "",
    xattrs: new Map(),
    ...some,
  };
}

async function compare(
  before: readonly Some[],
  now: readonly Some[],
  options?: CompareOptions,
): Promise<TreeChange[]> {
  const baseline = new Map<BytePath, BaselineEntryLike>(
    before.map((some) => [some.path, entry(some) as BaselineEntryLike]),
  );
  return compareTrees(baseline, now.map(entry), options);
}

function brief(changes: readonly TreeChange[]): string[] {
  return changes.map(({ kind, oldPath, path }) => `${kind} ${oldPath ? `${oldPath} ` : ""}${path}`);
}

describe("comparing trees", () => {
  it("sees what was added, altered, deleted, and what changed its type or mode, in byte order", async () => {
    const changes = await compare(
      [{ path: "b" }, { path: "c" }, { path: "d" }, { path: "e" }, { path: "\xff" }],
      [
        { path: "a", digest: "bb" },
        { path: "b", digest: "cc" },
        { path: "d", type: "symlink", target: "x" },
        { path: "e", mode: 0o755 },
        { path: "\xff" },
      ],
    );
    assert.deepEqual(brief(changes), [
      "added a",
      "modified b",
      "deleted c",
      "type_changed d",
      "mode_changed e",
    ]);
  });

  it("takes no notice of times", async () => {
    assert.deepEqual(await compare([{ path: "a" }], [{ path: "a", mtimeNs: 9n }]), []);
  });

  it("sees another target of a link, and no mode of links", async () => {
    const old = { path: "l", type: "symlink", target: "x", mode: 0o777 } as const;
    assert.deepEqual(await compare([old], [{ ...old, mode: 0o755 }]), []);
    const [change] = await compare([old], [{ ...old, target: "y" }]);
    assert.deepEqual([change?.kind, change?.oldTarget, change?.newTarget], ["modified", "x", "y"]);
  });

  it("names directories only when they are empty or have another mode", async () => {
    const changes = await compare(
      [
        { path: "gone", type: "directory" },
        { path: "full", type: "directory" },
        { path: "full/x", digest: "11" },
        { path: "mode", type: "directory" },
      ],
      [
        { path: "mode", type: "directory", mode: 0o700 },
        { path: "new", type: "directory" },
        { path: "made", type: "directory" },
        { path: "made/y", digest: "22" },
      ],
    );
    assert.deepEqual(brief(changes), [
      "deleted full/x",
      "deleted gone",
      "added made/y",
      "mode_changed mode",
      "added new",
    ]);
  });

  it("takes a file that became a directory for both", async () => {
    const changes = await compare(
      [{ path: "x" }],
      [
        { path: "x", type: "directory" },
        { path: "x/y", digest: "bb" },
      ],
    );
    assert.deepEqual(brief(changes), ["type_changed x", "added x/y"]);
  });

  it("counts a hard link as its file, on both sides", async () => {
    const hard = { path: "b", type: "hardlink", target: "a", digest: null } as const;
    assert.deepEqual(await compare([{ path: "a" }, hard], [{ path: "a" }, { path: "b" }]), []);
    const [change] = await compare([{ path: "a" }], [{ path: "a" }, hard]);
    assert.deepEqual(
      [change?.kind, change?.newType, change?.newDigest, change?.size],
      ["added", "file", "aa", 5],
    );
  });

  it("leaves out what it is told to, and nothing else, not even .git", async () => {
    const now = [
      { path: ".git/config", digest: "1" },
      { path: ".gitignore", digest: "2" },
    ];
    assert.equal((await compare([], now)).length, 2);
    assert.deepEqual(brief(await compare([], now, { exclude: [".git"] })), ["added .gitignore"]);
  });

  it("pairs files that moved unaltered, by name when several are equal, but not empty ones", async () => {
    const changes = await compare(
      [{ path: "a/one" }, { path: "a/two" }, { path: "void", size: 0, digest: "00" }],
      [{ path: "b/two" }, { path: "b/one" }, { path: "nil", size: 0, digest: "00" }],
    );
    assert.deepEqual(brief(changes), [
      "renamed a/one b/one",
      "renamed a/two b/two",
      "added nil",
      "deleted void",
    ]);
    assert.equal(changes[0]?.similarity, 100);
  });

  it("believes `unchanged` where type, size and mode agree", async () => {
    assert.deepEqual(await compare([{ path: "a" }], [{ path: "a", digest: "unchanged" }]), []);
    assert.deepEqual(
      brief(await compare([{ path: "a" }], [{ path: "a", digest: "unchanged", size: 6 }])),
      ["modified a"],
    );
  });

  it("finds the files of a renamed directory again, although the scan calls them unchanged", async () => {
    const changes = await compare(
      [
        { path: "old", type: "directory" },
        { path: "old/x", mtimeNs: 7n },
      ],
      [
        { path: "new", type: "directory" },
        { path: "new/x", mtimeNs: 7n, digest: "unchanged" },
      ],
    );
    assert.deepEqual(brief(changes), ["renamed old/x new/x"]);
  });

  it("is not fooled by two directories that changed places", async () => {
    const directories = [
      { path: "a", type: "directory" },
      { path: "b", type: "directory" },
    ] as const;
    const before = [...directories, { path: "a/x", digest: "11" }, { path: "b/x", digest: "22" }];
    const now = [
      ...directories,
      { path: "a/x", digest: "unchanged" },
      { path: "b/x", digest: "unchanged" },
    ];
    const asked: BytePath[] = [];
    const digestOf = async (path: BytePath): Promise<string> => {
      asked.push(path);
      return path === "a/x" ? "22" : "11";
    };
    assert.deepEqual(brief(await compare(before, now, { digestOf })), [
      "modified a/x",
      "modified b/x",
    ]);
    assert.deepEqual(asked, ["a/x", "b/x"]);
  });

  it("compares 100,000 entries", async () => {
    const before: Some[] = Array.from({ length: 100_000 }, (_, index) => ({
      path: `d${index % 1000}/f${index}`,
    }));
    const now = before.map((some, index) => ({
      ...some,
      digest: index % 1000 === 0 ? "bb" : "unchanged",
    }));
    assert.equal((await compare(before, now)).length, 100);
  });
});
