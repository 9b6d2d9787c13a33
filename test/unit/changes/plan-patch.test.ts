import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { describeHunkResult } from "../../../src/changes/apply-hunks.ts";
import { parsePatch } from "../../../src/changes/parse-patch.ts";
import { type PatchPlan, planPatch } from "../../../src/changes/plan-patch.ts";
import { file, link, type MemoryTree, sha256, targetReaderOf } from "./memory-tree.ts";

const lines = (count: number): string[] =>
  Array.from({ length: count }, (_, index) => `line ${index + 1}`);

async function plan(content: string | MemoryTree, patch: string): Promise<PatchPlan> {
  const tree = typeof content === "string" ? new Map([["f", file(content)]]) : content;
  return planPatch(parsePatch(Buffer.from(patch, "latin1")), targetReaderOf(tree));
}

/** What the only operation writes. */
async function written(content: string, patch: string): Promise<string> {
  const { operations } = await plan(content, patch);
  const [operation] = operations;
  assert.ok(operations.length === 1 && operation?.op === "write");
  return operation.content.toString("latin1");
}

const header = "--- a/f\n+++ b/f\n";
const middle = `${header}@@ -4,7 +4,7 @@\n line 4\n line 5\n line 6\n-line 7\n+LINE 7\n line 8\n line 9\n line 10\n`;

describe("placing hunks", () => {
  it("says where a hunk went when the file grew before it", async () => {
    const { changes } = await plan(`new\n\nnew\n${lines(20).join("\n")}\n`, middle);
    const [hunk] = changes[0]?.hunks ?? [];
    assert.ok(hunk);
    assert.equal(describeHunkResult(hunk), "hunk 1 applied at line 7 (offset 3 lines)");
  });

  for (const [altered, fuzz] of [
    [[4], 1],
    [[10], 1],
    [[4, 10], 1],
    [[4, 5], 2],
    [[5, 9], 2],
  ] as const)
    it(`overlooks ${fuzz} lines of context when lines ${altered} differ, and keeps them`, async () => {
      const text = lines(20).map((line, index) =>
        (altered as readonly number[]).includes(index + 1) ? "other" : line,
      );
      const { changes, operations } = await plan(`${text.join("\n")}\n`, middle);
      assert.equal(changes[0]?.hunks[0]?.fuzz, fuzz);
      text[6] = "LINE 7";
      assert.ok(operations[0]?.op === "write");
      assert.equal(operations[0].content.toString(), `${text.join("\n")}\n`);
    });

  it("overlooks no third line, and says which line is in the way", async () => {
    const text = lines(20).map((line, index) => (index === 5 ? "oth\x1ber" : line));
    await assert.rejects(plan(`${text.join("\n")}\n`, middle), {
      code: "patch_conflict",
      message:
        '"f": hunk 1 of 1 (line 3 of the patch) does not fit: line 6 should be "line 6" but is "oth\\x1ber".',
    });
  });

  it("takes the nearest of several places", async () => {
    const block = "a\nb\nc\n";
    const patch = `${header}@@ -8,3 +8,3 @@\n a\n-b\n+B\n c\n`;
    assert.equal(
      await written(block.repeat(5), patch),
      `${block.repeat(2)}a\nB\nc\n${block.repeat(2)}`,
    );
  });

  it("knows a patch that is applied already", async () => {
    const done = lines(20).map((line) => (line === "line 7" ? "LINE 7" : line));
    await assert.rejects(plan(`${done.join("\n")}\n`, middle), {
      code: "patch_conflict",
      hint: "The patch looks already applied.",
    });
  });

  it("keeps the CRLF of a file under a patch with LF", async () => {
    const text = `${lines(20).join("\r\n")}\r\n`;
    assert.equal(await written(text, middle), text.replace("line 7", "LINE 7"));
    assert.equal((await plan(text, middle)).changes[0]?.lineEndsAdapted, true);
  });

  it("keeps the LF of a file under a patch that became CRLF", async () => {
    const text = `${lines(20).join("\n")}\n`;
    assert.equal(
      await written(text, middle.replaceAll("\n", "\r\n")),
      text.replace("line 7", "LINE 7"),
    );
  });

  it("keeps the LF of a file under hunks with CRLF", async () => {
    const text = `${lines(20).join("\n")}\n`;
    const patch =
      header + middle.slice(header.length).replaceAll("\n", "\r\n").replace("@@\r\n", "@@\n");
    assert.equal(await written(text, patch), text.replace("line 7", "LINE 7"));
  });

  it("changes line ends when that is what the patch is for", async () => {
    assert.equal(await written("a\nb\n", `${header}@@ -1,2 +1,2 @@\n-a\n+a\r\n b\n`), "a\r\nb\n");
  });

  it("forgives a lost marker of a missing newline, and glues no lines together", async () => {
    assert.equal(await written("a\nb", `${header}@@ -1,2 +1,3 @@\n a\n b\n+c\n`), "a\nb\nc\n");
  });

  it("adds and removes the newline at the end", async () => {
    const marker = "\\ No newline at end of file\n";
    assert.equal(await written("a", `${header}@@ -1 +1 @@\n-a\n${marker}+a\n`), "a\n");
    assert.equal(await written("a\n", `${header}@@ -1 +1 @@\n-a\n+a\n${marker}`), "a");
  });

  it("accepts context lines whose blank was lost, and a patch that ends without newline", async () => {
    assert.equal(await written("a\n\nb\n", `${header}@@ -1,3 +1,3 @@\n a\n\n-b\n+c`), "a\n\nc\n");
  });

  it("inserts without context only where the hunk says", async () => {
    assert.equal(await written("a\nb\n", `${header}@@ -1,0 +2 @@\n+x\n`), "a\nx\nb\n");
    await assert.rejects(plan("a\n", `${header}@@ -9,0 +10 @@\n+x\n`), { code: "patch_conflict" });
  });

  it("keeps every byte", async () => {
    const bytes = Array.from({ length: 256 }, (_, code) => String.fromCharCode(code))
      .join("")
      .replace("\n", "");
    assert.equal(
      await written(`${bytes}\nb\n`, `${header}@@ -1,2 +1,2 @@\n ${bytes}\n-b\n+${bytes}\n`),
      `${bytes}\n${bytes}\n`,
    );
  });
});

describe("the names of a patch", () => {
  const hunk = "@@ -1 +1 @@\n-old\n+new\n";
  const tree = (...paths: string[]): MemoryTree =>
    new Map(paths.map((path) => [path, file("old\n")]));
  const targetOf = async (paths: string[], patch: string): Promise<string | undefined> =>
    (await plan(tree(...paths), patch)).operations[0]?.path;

  it("lose their prefix when that is how they exist", async () => {
    assert.equal(await targetOf(["src/x"], `--- a/src/x\n+++ b/src/x\n${hunk}`), "src/x");
    assert.equal(await targetOf(["src/x"], `--- old/src/x\n+++ new/src/x\n${hunk}`), "src/x");
  });

  it("keep their first component when that is how they exist", async () => {
    assert.equal(await targetOf(["src/x"], `--- src/x\n+++ src/x\n${hunk}`), "src/x");
    assert.equal(await targetOf(["a/x"], `diff --git a/x a/x\n--- a/x\n+++ a/x\n${hunk}`), "a/x");
    assert.equal(await targetOf(["x"], `--- x\n+++ x\n${hunk}`), "x");
    assert.equal(await targetOf(["x"], `--- ./x\n+++ ./x\n${hunk}`), "x");
  });

  it("end before a time", async () => {
    assert.equal(
      await targetOf(
        ["x y"],
        `--- a/x y\t2024-01-01 00:00:00.000000000 +0000\n+++ b/x y\t2024-01-02\n${hunk}`,
      ),
      "x y",
    );
    assert.equal(
      await targetOf(
        ["x y"],
        `--- a/x y 2024-01-01 00:00:00 +0100\n+++ b/x y 2024-01-02 10:00:00 +0100\n${hunk}`,
      ),
      "x y",
    );
  });

  it("of a copy and its original mean the one that is there", async () => {
    assert.equal(await targetOf(["x"], `--- x.orig\n+++ x\n${hunk}`), "x");
    assert.equal(await targetOf(["x"], `--- x\n+++ x.new\n${hunk}`), "x");
  });

  it("may be quoted and hold any byte", async () => {
    assert.equal(
      await targetOf(['\xff\n"\\'], `--- "a/\\377\\n\\"\\\\"\n+++ "b/\\377\\n\\"\\\\"\n${hunk}`),
      '\xff\n"\\',
    );
  });
});

describe("a plan", () => {
  it("expects exactly what is there", async () => {
    const { operations } = await plan(
      new Map([
        ["f", file("old\n", 0o640)],
        ["gone", file("x\n")],
        ["l", link("t")],
        ["run", file("r\n", 0o640)],
      ]),
      "diff --git a/f b/f\n--- a/f\n+++ b/f\n@@ -1 +1 @@\n-old\n+new\n" +
        "diff --git a/gone b/gone\ndeleted file mode 100644\n--- a/gone\n+++ /dev/null\n@@ -1 +0,0 @@\n-x\n" +
        "diff --git a/l b/l\nindex 1234567..89abcde 120000\n--- a/l\n+++ b/l\n@@ -1 +1 @@\n-t\n\\ No newline\n+u\n\\ No newline\n" +
        "diff --git a/new b/new\nnew file mode 100755\n--- /dev/null\n+++ b/new\n@@ -0,0 +1 @@\n+n\n" +
        "diff --git a/run b/run\nold mode 100644\nnew mode 100755\n",
    );
    const expecting = (text: string): string => sha256(Buffer.from(text));
    assert.deepEqual(operations, [
      { op: "delete", path: "gone", expect: expecting("x\n") },
      { op: "write", path: "f", content: Buffer.from("new\n"), expect: expecting("old\n") },
      { op: "symlink", path: "l", target: "u", expect: expecting("t") },
      { op: "write", path: "new", mode: 0o755, content: Buffer.from("n\n"), expect: null },
      { op: "mode", path: "run", mode: 0o750, expect: expecting("r\n") },
    ]);
  });

  it("tells what it does to every file", async () => {
    const { changes } = await plan(
      new Map([
        ["a", file("a\n")],
        ["b", file("b\n")],
      ]),
      "diff --git a/a b/c\nsimilarity index 100%\nrename from a\nrename to c\n" +
        "diff --git a/b b/d\nsimilarity index 100%\ncopy from b\ncopy to d\n" +
        "diff --git a/b b/b\nold mode 100644\nnew mode 100755\n",
    );
    assert.deepEqual(
      changes.map(({ kind, path, oldPath }) => [kind, oldPath, path]),
      [
        ["renamed", "a", "c"],
        ["copied", "b", "d"],
        ["mode", undefined, "b"],
      ],
    );
  });

  it("lets two files change places", async () => {
    const { operations } = await plan(
      new Map([
        ["a", file("a\n")],
        ["b", file("b\n")],
      ]),
      "diff --git a/a b/b\nrename from a\nrename to b\ndiff --git a/b b/a\nrename from b\nrename to a\n",
    );
    assert.deepEqual(
      operations.map(
        (operation) => operation.op === "write" && `${operation.path}=${operation.content}`,
      ),
      ["a=b\n", "b=a\n"],
    );
  });

  it("takes several changes of one file one after another", async () => {
    const once = "--- a/f\n+++ b/f\n@@ -1 +1 @@\n-1\n+2\n";
    assert.equal(await written("1\n", once + once.replace("-1\n+2", "-2\n+3")), "3\n");
  });
});
