import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { describeHunkResult } from "../../../src/changes/apply-hunks.ts";
import { parsePatch } from "../../../src/changes/parse-patch.ts";
import { planPatch } from "../../../src/changes/plan-patch.ts";
import { PyroError } from "../../../src/model/errors.ts";
import { applyOperations, file, type MemoryTree, targetReaderOf } from "./memory-tree.ts";

const numbered = (...lines: (number | string)[]): string => `${lines.join("\n")}\n`;
const ten = numbered(...Array.from({ length: 10 }, (_, index) => index + 1));
const header = "--- a/f\n+++ b/f\n";

async function plan(content: string, patch: string) {
  const tree: MemoryTree = new Map([["f", file(content)]]);
  const planned = await planPatch(parsePatch(Buffer.from(patch)), targetReaderOf(tree));
  const text = (path: string): string | undefined =>
    applyOperations(tree, planned.operations).get(path)?.content.toString();
  const notes = planned.changes.flatMap(({ hunks }) => hunks.map(describeHunkResult));
  return { text, notes, changes: planned.changes };
}

async function failure(content: string, patch: string): Promise<PyroError> {
  const error = await plan(content, patch).catch((reason: unknown) => reason);
  assert.ok(error instanceof PyroError, `applied:\n${patch}`);
  return error;
}

describe("a hunk whose header counts wrongly", () => {
  it("with too few lines is applied by its body, and told", async () => {
    const body = " 2\n-3\n-4\n+drei\n+vier\n 5\n";
    const { text, notes } = await plan(ten, `${header}@@ -2,2 +2,2 @@\n${body}`);
    assert.equal(text("f"), numbered(1, 2, "drei", "vier", ...[5, 6, 7, 8, 9, 10]));
    assert.deepEqual(notes, [
      "hunk 1 applied at line 2 (its header counts 2 old and 2 new lines, but it has 4 and 4)",
    ]);
  });

  it("of a new file keeps all its lines", async () => {
    const patch = "--- /dev/null\n+++ b/new\n@@ -0,0 +1 @@\n+one\n+two\n";
    assert.equal((await plan(ten, patch)).text("new"), "one\ntwo\n");
  });

  it("with too many lines is applied when another hunk or file follows, and told", async () => {
    const patch = `${header}@@ -1,9 +1,9 @@\n 1\n-2\n+two\n 3\n@@ -8,3 +8,3 @@\n 8\n-9\n+nine\n 10\n`;
    const { text, notes } = await plan(ten, patch);
    assert.equal(text("f"), numbered(1, "two", 3, 4, 5, 6, 7, 8, "nine", 10));
    assert.match(notes[0] ?? "", /counts 9 old and 9 new lines, but it has 3 and 3/);
    const files = `${header}@@ -1,4 +1,2 @@\n 1\n-2\n+two\n 3\n--- /dev/null\n+++ b/g\n@@ -0,0 +1 @@\n+g\n`;
    const second = await plan(ten, files);
    assert.equal(second.text("g"), "g\n");
    assert.equal(second.text("f"), ten.replace("2", "two"));
  });

  it("with too many lines is refused with both counts where it may have been cut off", async () => {
    for (const rest of ["", "nonsense\n"]) {
      const { code, message } = await failure(
        ten,
        `${header}@@ -1,9 +1,9 @@\n 1\n-2\n+two\n 3\n${rest}`,
      );
      assert.equal(code, "patch_malformed");
      assert.match(
        message,
        /^Line 3 of the patch: the header of this hunk counts 9 old and 9 new lines, but 3 and 3 follow/,
      );
    }
  });

  it("from line 0 means the first, as git and patch read it", async () => {
    const { text } = await plan(ten, `${header}@@ -0,2 +0,2 @@\n-1\n+one\n 2\n`);
    assert.equal(text("f"), ten.replace("1\n", "one\n"));
  });

  it("or is cut off behind the names of its file is refused", async () => {
    const git = "diff --git a/f b/f\nindex 1234567..89abcde 100644\n";
    for (const patch of [
      git,
      git + header,
      header,
      `diff --git a/n b/n\nnew file mode 100644\nindex 0000000..89abcde\n`,
    ])
      assert.equal((await failure(ten, patch)).code, "patch_malformed", patch);
  });

  it("does not take the signature of a mail or prose for its own", async () => {
    const hunk = `${header}@@ -1,2 +1,2 @@\n-1\n+one\n 2\n`;
    const wanted = ten.replace("1\n", "one\n");
    for (const rest of [
      "-- \n2.43.0\n\n",
      "-- \n",
      "-- \n\n2.43.0\n",
      "--\n2.43.0\n",
      "\nThat is all.\nNothing more.\n",
      "\n    indented prose\n",
      `\nFrom ${"0".repeat(40)} Mon Sep 17 00:00:00 2001\nSubject: x\n\n- a bullet\n`,
      `\ncommit ${"0".repeat(40)}\n\n    - a bullet\n`,
    ])
      assert.equal((await plan(ten, hunk + rest)).text("f"), wanted, rest);
  });

  it("loses no line behind words that are none of a hunk", async () => {
    const hunk = `${header}@@ -1,2 +1,2 @@\n-1\n+one\n 2\n`;
    for (const rest of ["3\n-4\n+four\n", "\nand then\n+more\n", "\n-5\n+five\n", "--- lost\n"]) {
      const error = await failure(ten, hunk + rest);
      assert.match(error.code, /^patch_(?:malformed|conflict)$/, rest);
    }
  });
});

describe("a hunk without line numbers", () => {
  it("goes where its text fits, once", async () => {
    const patch = `${header}@@ -1,2 +1,2 @@\n-1\n+one\n 2\n@@\n 8\n-9\n+nine\n 10\n`;
    const { text, notes } = await plan(ten, patch);
    assert.equal(text("f"), numbered("one", 2, 3, 4, 5, 6, 7, 8, "nine", 10));
    assert.deepEqual(notes[1], "hunk 2 applied at line 8 (by its text)");
    assert.equal(
      (await plan(ten, `${header}@@ ... @@\n-9\n+nine\n`)).text("f"),
      ten.replace("9", "nine"),
    );
  });

  it("is refused with its places when they are several", async () => {
    const { code, message } = await failure("a\nb\na\nb\n", `${header}@@\n a\n-b\n+c\n`);
    assert.equal(code, "patch_conflict");
    assert.equal(message, '"f": hunk 1 of 1 (line 3 of the patch) fits 2 places: lines 1, 3.');
  });

  it("stands below what its header names", async () => {
    const source = "def a():\n    x = 1\n    return x\n\ndef b():\n    x = 1\n    return x\n";
    const changed = await plan(source, `${header}@@ def b():\n-    x = 1\n+    x = 2\n`);
    assert.equal(changed.text("f"), source.replace(/(b\(\):\n {4}x = )1/, "$12"));
    const inside = await plan(
      source,
      `${header}@@ def a(): @@\n def a():\n-    x = 1\n+    x = 3\n`,
    );
    assert.equal(inside.text("f"), source.replace("1", "3"));
    const unknown = await failure(source, `${header}@@ def c():\n-    x = 1\n+    x = 2\n`);
    assert.match(unknown.message, /no line is "def c\(\):"/);
  });

  it("is told from many like it only by what it stands below", async () => {
    const block = (name: number): string => `def f${name}():\n    x = 1\n`;
    const many = Array.from({ length: 60 }, (_, index) => block(index)).join("");
    const { text } = await plan(many, `${header}@@ def f40():\n-    x = 1\n+    x = 2\n`);
    assert.equal(text("f"), many.replace(block(40), "def f40():\n    x = 2\n"));
    const { message } = await failure(many, `${header}@@\n-    x = 1\n+    x = 2\n`);
    assert.match(message, /fits 60 places: lines 2, 4, 6, .* and more\.$/);
  });

  it("that only adds lines says where", async () => {
    const { message } = await failure(ten, `${header}@@\n+new\n`);
    assert.match(message, /it has only new lines, and nothing says where they go/);
    assert.equal((await plan("", `--- /dev/null\n+++ b/new\n@@\n+new\n`)).text("new"), "new\n");
  });

  it("is told from what is applied already, from missing lines and from a wrong order", async () => {
    const done = await failure(ten, `${header}@@\n 8\n-neun\n+9\n 10\n`);
    assert.equal(done.hint, "The patch looks already applied.");
    const missing = await failure(ten, `${header}@@\n-eleven\n+11\n`);
    assert.match(missing.message, /no line is "eleven"\./);
    const order = await failure(ten, `${header}@@\n-8\n+eight\n@@\n-2\n+two\n`);
    assert.match(order.message, /its place, line 2, is before that of an earlier hunk/);
  });

  it("belongs to a file", async () => {
    assert.match(
      (await failure(ten, "@@\n-1\n+one\n")).message,
      /^Line 1 of the patch: a hunk that belongs to no file/,
    );
    assert.equal((await failure(ten, `${header}@@ -1,2 +1\n-1\n+one\n`)).code, "patch_malformed");
  });
});

describe("a diff followed by something else", () => {
  const hunk = `${header}@@ -1,2 +1,2 @@\n-1\n+one\n 2\n`;
  for (const [name, rest, code] of [
    ["a section of another format", "*** Update File: f\n@@\n-3\n+three\n", "patch_malformed"],
    [
      "a whole patch of another format",
      "*** Begin Patch\n*** Delete File: f\n*** End Patch\n",
      "patch_malformed",
    ],
    [
      "a search/replace block",
      "<<<<<<< SEARCH\n3\n=======\nthree\n>>>>>>> REPLACE\n",
      "patch_malformed",
    ],
    ["a binary file without content", "Binary files a/x and b/x differ\n", "patch_refused"],
    ["a file without content", "Only in b: x\n", "patch_refused"],
    ["a submodule as a log", "Submodule sub 1234567..89abcde:\n  > more\n", "patch_refused"],
  ] as const)
    it(`is refused: ${name}`, async () => {
      assert.equal((await failure(ten, hunk + rest)).code, code);
    });
});

describe("what is no patch", () => {
  for (const [name, patch, seen] of [
    [
      "search/replace blocks",
      "f\n<<<<<<< SEARCH\n1\n=======\none\n>>>>>>> REPLACE\n",
      /search\/replace block/,
    ],
    ["a normal diff", "1c1\n< 1\n---\n> one\n", /a diff without context/],
    ["JSON", '{"path": "f", "old": "1", "new": "one"}', /it looks like JSON/],
    ["lines alone", "-1\n+one\n", /changed lines without the names/],
  ] as const)
    it(`is named, with an example of a patch: ${name}`, async () => {
      const { message, hint } = await failure(ten, patch);
      assert.match(message, seen);
      assert.match(hint ?? "", /Give a unified diff, for example:\n--- a\/greet\.py\n/);
    });

  it("has an example that is a patch", async () => {
    const { hint } = await failure(ten, "words\n");
    const example = (hint ?? "").slice((hint ?? "").indexOf("---"));
    const tree: MemoryTree = new Map([["greet.py", file("def greet():\n    print(1)\n")]]);
    const { operations } = await planPatch(parsePatch(Buffer.from(example)), targetReaderOf(tree));
    assert.equal(
      applyOperations(tree, operations).get("greet.py")?.content.toString(),
      "def greet():\n    print(2)\n",
    );
  });

  it("leaves a submodule out with a hint", async () => {
    const patch = `diff --git a/sub b/sub\nindex 1234567..89abcde 160000\n--- a/sub\n+++ b/sub\n@@ -1 +1 @@\n-Subproject commit 1\n+Subproject commit 2\n`;
    assert.match((await failure(ten, patch)).hint ?? "", /git diff --ignore-submodules=all/);
  });
});

describe("the end of a file without newline", () => {
  it("that a patch does not know is told truly", async () => {
    const { changes, text } = await plan("a\nb", `${header}@@ -1,2 +1,3 @@\n a\n b\n+c\n`);
    assert.equal(text("f"), "a\nb\nc\n");
    assert.deepEqual([changes[0]?.lineEndsAdapted, changes[0]?.endsNewly], [false, true]);
  });

  it("stays as it is where the patch changes other lines", async () => {
    const { changes, text } = await plan("a\nb", `${header}@@ -1,2 +1,2 @@\n-a\n+A\n b\n`);
    assert.equal(text("f"), "A\nb");
    assert.deepEqual([changes[0]?.lineEndsAdapted, changes[0]?.endsNewly], [false, false]);
  });

  it("is no reason to change the line ends that the patch brings", async () => {
    assert.equal(
      (await plan("a\nb", `${header}@@ -1,2 +1,2 @@\n a\n-b\n+b\r\n`)).text("f"),
      "a\nb\r\n",
    );
  });
});
