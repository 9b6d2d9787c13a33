import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parsePatch } from "../../../src/changes/parse-patch.ts";
import { planPatch } from "../../../src/changes/plan-patch.ts";
import { type ErrorCode, PyroError } from "../../../src/model/errors.ts";
import { file, link, type MemoryTree, targetReaderOf } from "./memory-tree.ts";

const tree: MemoryTree = new Map([
  ["a.txt", file("one\ntwo\nthree\nfour\nfive\n")],
  ["run.sh", file("#!/bin/sh\n", 0o755)],
  ["link", link("a.txt")],
  ["dir/inner", file("inner\n")],
  ["blob", file(Buffer.from([0, 1, 2, 3]))],
]);

const creation = (path: string): string =>
  `diff --git a/${path} b/${path}\nnew file mode 100644\n--- /dev/null\n+++ b/${path}\n@@ -0,0 +1 @@\n+evil\n`;
const plainCreation = (path: string): string =>
  `--- /dev/null\n+++ ${path}\n@@ -0,0 +1 @@\n+evil\n`;
const linkCreation = (path: string, target: string): string =>
  `diff --git a/${path} b/${path}\nnew file mode 120000\n--- /dev/null\n+++ b/${path}\n@@ -0,0 +1 @@\n+${target}\n\\ No newline at end of file\n`;
const edit = (path: string, hunk: string): string => `--- a/${path}\n+++ b/${path}\n${hunk}`;
const fits = "@@ -1,2 +1,2 @@\n-one\n+ONE\n two\n";
const binaryHeader = `diff --git a/blob b/blob\nindex ${"a".repeat(40)}..${"b".repeat(40)} 100644\nGIT binary patch\n`;
const zeros = "0".repeat(40);

const evil: readonly (readonly [name: string, code: ErrorCode, patch: string])[] = [
  ["an absolute path", "patch_refused", plainCreation("/etc/passwd")],
  [
    "an absolute path after the prefix",
    "patch_refused",
    creation("/etc/passwd").replaceAll("b//", "/"),
  ],
  ["a path above", "patch_refused", creation("../evil")],
  ["a path above in the middle", "patch_refused", creation("dir/../../evil")],
  ["a path above in quotes", "patch_refused", plainCreation('"b/\\056./evil"')],
  ["NUL in a quoted path", "patch_refused", plainCreation('"b/a\\000b"')],
  ["NUL in a bare path", "patch_refused", plainCreation("b/a\0b")],
  ["git's hooks", "patch_refused", creation(".git/hooks/pre-commit")],
  ["git's configuration in other letters", "patch_refused", creation(".GIT/config")],
  ["git's directory deep inside", "patch_refused", creation("dir/sub/.git/config")],
  ["git's directory with a dot at its end", "patch_refused", creation(".git./config")],
  ["git's directory with blanks at its end", "patch_refused", plainCreation('"b/.git . /config"')],
  ["git's directory by its short name", "patch_refused", creation("git~1/config")],
  ["git's directory as a stream", "patch_refused", creation(".git::$INDEX_ALLOCATION/config")],
  ["git's directory before a backslash", "patch_refused", plainCreation('"b/.git\\\\config"')],
  [
    "git's directory with invisible letters",
    "patch_refused",
    plainCreation('"b/.g\\342\\200\\214it/config"'),
  ],
  ["git's directory as the prefix", "patch_refused", plainCreation(".git/config")],
  ["a file named .git", "patch_refused", creation(".git")],
  [
    "a rename out",
    "patch_refused",
    "diff --git a/a.txt b/../a.txt\nsimilarity index 100%\nrename from a.txt\nrename to ../a.txt\n",
  ],
  [
    "a rename into git's directory",
    "patch_refused",
    "diff --git a/a.txt b/.git/config\nsimilarity index 100%\nrename from a.txt\nrename to .git/config\n",
  ],
  [
    "a copy from an absolute path",
    "patch_refused",
    "diff --git a//etc/shadow b/y\ncopy from /etc/shadow\ncopy to y\n",
  ],
  [
    "a submodule",
    "patch_refused",
    `diff --git a/sub b/sub\nnew file mode 160000\nindex 0000000..1234567\n--- /dev/null\n+++ b/sub\n@@ -0,0 +1 @@\n+Subproject commit ${"1".repeat(40)}\n`,
  ],
  ["a directory as a file", "patch_refused", creation("x").replace("100644", "040000")],
  ["a device", "patch_refused", creation("x").replace("100644", "020644")],
  ["set-uid", "patch_refused", creation("x").replace("100644", "104755")],
  ["a link with permissions", "patch_refused", linkCreation("x", "y").replace("120000", "120777")],
  [
    "a link retargeted without saying so",
    "patch_refused",
    edit(
      "link",
      "@@ -1 +1 @@\n-a.txt\n\\ No newline at end of file\n+/etc/passwd\n\\ No newline at end of file\n",
    ),
  ],
  [
    "a file made a link by its mode",
    "patch_refused",
    "diff --git a/a.txt b/a.txt\nold mode 100644\nnew mode 120000\n",
  ],
  [
    "a link made a file by its mode",
    "patch_refused",
    "diff --git a/link b/link\nold mode 120000\nnew mode 100644\n",
  ],
  [
    "a file under a link it made before",
    "patch_refused",
    linkCreation("out", "/etc") + creation("out/passwd"),
  ],
  [
    "a file under a link it makes later",
    "patch_refused",
    creation("out/passwd") + linkCreation("out", "/etc"),
  ],
  ["a file under a link that is there", "patch_refused", creation("link/x")],
  [
    "a link with an empty text",
    "patch_refused",
    "diff --git a/x b/x\nnew file mode 120000\nindex 0000000..e69de29\n",
  ],
  ["a link with NUL in its text", "patch_refused", linkCreation("x", "a\0b")],
  ["one file made twice", "patch_refused", creation("x") + creation("x")],
  [
    "one file made by two renames",
    "patch_refused",
    "diff --git a/a.txt b/x\nrename from a.txt\nrename to x\ndiff --git a/run.sh b/x\nrename from run.sh\nrename to x\n",
  ],
  [
    "a file changed after its removal",
    "patch_refused",
    `diff --git a/dir/inner b/dir/inner\ndeleted file mode 100644\n--- a/dir/inner\n+++ /dev/null\n@@ -1 +0,0 @@\n-inner\n${edit("dir/inner", "@@ -1 +1 @@\n-inner\n+outer\n")}`,
  ],
  [
    "a binary file without its content",
    "patch_refused",
    "diff --git a/blob b/blob\nindex 1234567..89abcde 100644\nBinary files a/blob and b/blob differ\n",
  ],
  [
    "a binary change of an unnamed content",
    "patch_refused",
    `diff --git a/blob b/blob\nGIT binary patch\nliteral 0\nHcmV?d00001\n\n`,
  ],
  [
    "binary data of gigabytes",
    "patch_refused",
    `${binaryHeader}literal 4000000000\nHcmV?d00001\n\n`,
  ],
  ["a path of 5,000 bytes", "patch_refused", creation("x/".repeat(2500).concat("y"))],
  ["a name of 300 bytes", "patch_refused", creation("x".repeat(300))],
  ["a file beneath a file", "patch_conflict", creation("a.txt/x")],
  ["a file that is there already", "patch_conflict", creation("a.txt")],
  ["a file in the place of a directory", "patch_conflict", creation("dir")],
  [
    "a rename onto a file",
    "patch_conflict",
    "diff --git a/a.txt b/run.sh\nrename from a.txt\nrename to run.sh\n",
  ],
  [
    "the removal of nothing",
    "patch_conflict",
    "diff --git a/gone b/gone\ndeleted file mode 100644\n",
  ],
  [
    "the removal of a file with other content",
    "patch_conflict",
    "diff --git a/dir/inner b/dir/inner\ndeleted file mode 100644\n--- a/dir/inner\n+++ /dev/null\n@@ -1 +0,0 @@\n-other\n",
  ],
  [
    "the removal of a file by its first line",
    "patch_conflict",
    "diff --git a/a.txt b/a.txt\ndeleted file mode 100644\n--- a/a.txt\n+++ /dev/null\n@@ -1 +0,0 @@\n-one\n",
  ],
  [
    "a good file and then a bad one",
    "patch_conflict",
    edit("a.txt", fits) + edit("run.sh", "@@ -1 +1 @@\n-nothing like it\n+x\n"),
  ],
  ["a change of a directory", "patch_conflict", edit("dir", "@@ -1 +1 @@\n-x\n+y\n")],
  [
    "a binary change of another content",
    "patch_conflict",
    `${binaryHeader}literal 0\nHcmV?d00001\n\n`,
  ],
  [
    "overlapping hunks",
    "patch_conflict",
    edit(
      "a.txt",
      "@@ -1,3 +1,3 @@\n one\n-two\n+2\n three\n@@ -2,3 +2,3 @@\n-two\n+zwei\n three\n four\n",
    ),
  ],
  ["no file at all", "patch_malformed", "just words\n"],
  ["nothing", "patch_malformed", ""],
  ["a hunk without file", "patch_malformed", fits],
  ["a hunk cut short", "patch_malformed", edit("a.txt", "@@ -1,9 +1,9 @@\n-one\n+ONE\n")],
  [
    "a hunk of numbers beyond reason",
    "patch_malformed",
    edit("a.txt", "@@ -99999999999999999999,1 +1,1 @@\n-one\n+x\n"),
  ],
  [
    "a hunk with a foreign line",
    "patch_malformed",
    edit("a.txt", "@@ -1,2 +1,2 @@\n-one\n?one\n+x\n"),
  ],
  [
    "two names that differ",
    "patch_malformed",
    `diff --git a/a.txt b/a.txt\n--- a/run.sh\n+++ b/run.sh\n${fits}`,
  ],
  [
    "a rename that names two files",
    "patch_malformed",
    "diff --git a/a.txt b/x\nrename from run.sh\nrename to x\n",
  ],
  ["half a rename", "patch_malformed", "diff --git a/a.txt b/x\nrename from a.txt\n"],
  [
    "a file both new and deleted",
    "patch_malformed",
    "diff --git a/x b/x\nnew file mode 100644\ndeleted file mode 100644\n",
  ],
  ["a mode that is none", "patch_malformed", creation("x").replace("100644", "rwxr-x")],
  ["a quoted name without end", "patch_malformed", plainCreation('"b/x')],
  [
    "broken binary data",
    "patch_malformed",
    `diff --git a/x b/x\nnew file mode 100644\nindex ${zeros}..${zeros}\nGIT binary patch\nliteral 5\nHcmV?d0\n\n`,
  ],
  [
    "binary data of another size",
    "patch_malformed",
    `diff --git a/x b/x\nnew file mode 100644\nindex ${zeros}..${zeros}\nGIT binary patch\nliteral 5\nHcmV?d00001\n\n`,
  ],
  [
    "a context diff",
    "patch_malformed",
    "*** a.txt\n--- b.txt\n***************\n*** 1 ****\n! one\n--- 1 ----\n! ONE\n",
  ],
  [
    "the combined diff of a merge",
    "patch_malformed",
    "diff --cc a.txt\nindex 1,2..3\n--- a/a.txt\n+++ b/a.txt\n@@@ -1 -1 +1 @@@\n--one\n++x\n",
  ],
  [
    "two names that are /dev/null",
    "patch_malformed",
    "--- /dev/null\n+++ /dev/null\n@@ -1 +1 @@\n-a\n+b\n",
  ],
];

describe("an evil patch", () => {
  for (const [name, code, patch] of evil)
    it(`plans nothing: ${name} (${code})`, async () => {
      await assert.rejects(plan(Buffer.from(patch, "latin1")), (error) => {
        assert.ok(error instanceof PyroError, String(error));
        assert.equal(error.code, code, error.message);
        assert.doesNotMatch(error.message, /[\x00-\x1f\x7f-\x9f]/);
        return true;
      });
    });

  it("is refused when it is larger than 64 MiB", async () => {
    await assert.rejects(plan(Buffer.alloc(64 * 1024 * 1024 + 1, 10)), { code: "patch_refused" });
  });

  it("is refused when it has more than 10,000 files", async () => {
    const patch = Array.from({ length: 10_001 }, (_, index) => creation(`f${index}`)).join("");
    await assert.rejects(plan(Buffer.from(patch)), { code: "patch_refused" });
  });

  it("is refused when its hunks repeat themselves without end", async () => {
    const lines = "x\n".repeat(200_000);
    const hunk = `@@ -1,2001 +1,2001 @@\n${" x\n".repeat(2000)}-y\n+z\n`;
    const read = targetReaderOf(new Map([["a.txt", file(lines)]]));
    const patches = parsePatch(Buffer.from(edit("a.txt", hunk)));
    await assert.rejects(planPatch(patches, read), { code: "patch_refused" });
  });
});

async function plan(patch: Buffer): Promise<unknown> {
  return planPatch(parsePatch(patch), targetReaderOf(tree));
}
