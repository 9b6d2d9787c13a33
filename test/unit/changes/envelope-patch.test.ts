import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parsePatch } from "../../../src/changes/parse-patch.ts";
import { planPatch } from "../../../src/changes/plan-patch.ts";
import { PyroError } from "../../../src/model/errors.ts";
import { applyOperations, file, link, type MemoryTree, targetReaderOf } from "./memory-tree.ts";

const source = "def a():\n    x = 1\n    return x\n\n\ndef b():\n    x = 1\n    return x\n";
const tree: MemoryTree = new Map([
  ["src/app.py", file(source, 0o755)],
  ["old.txt", file("old\n")],
  ["link", link("old.txt")],
  ["unended", file("one\ntwo")],
  ["crlf", file("one\r\ntwo\r\n")],
]);

async function applied(...lines: string[]): Promise<MemoryTree> {
  return applyText(`*** Begin Patch\n${lines.join("\n")}\n*** End Patch\n`);
}

async function applyText(patch: string): Promise<MemoryTree> {
  const { operations } = await planPatch(parsePatch(Buffer.from(patch)), targetReaderOf(tree));
  return applyOperations(tree, operations);
}

async function failure(...lines: string[]): Promise<PyroError> {
  return failureOf(`*** Begin Patch\n${lines.join("\n")}\n*** End Patch\n`);
}

async function failureOf(patch: string): Promise<PyroError> {
  const error = await applyText(patch).catch((reason: unknown) => reason);
  assert.ok(error instanceof PyroError, `applied: ${patch}`);
  return error;
}

const textOf = (result: MemoryTree, path: string): string | undefined =>
  result.get(path)?.content.toString();

describe("a patch between *** Begin Patch and *** End Patch", () => {
  it("adds, updates, moves and deletes files", async () => {
    const result = await applied(
      "*** Add File: docs/new.md",
      "+# New",
      "+",
      "+text",
      "*** Add File: empty",
      "*** Update File: src/app.py",
      "*** Move to: src/main.py",
      "@@ def b():",
      "-    x = 1",
      "+    x = 2",
      "     return x",
      "*** Delete File: old.txt",
      "*** Delete File: link",
      "",
    );
    assert.deepEqual([...result.keys()].sort(), [
      "crlf",
      "docs/new.md",
      "empty",
      "src/main.py",
      "unended",
    ]);
    assert.equal(textOf(result, "docs/new.md"), "# New\n\ntext\n");
    assert.equal(textOf(result, "empty"), "");
    assert.equal(textOf(result, "src/main.py"), source.replace(/(b\(\):\n {4}x = )1/, "$12"));
    assert.equal(result.get("src/main.py")?.mode, 0o755);
  });

  it("needs no @@ before its first hunk, and takes one name inside the other", async () => {
    const first = await applied(
      "*** Update File: src/app.py",
      " def a():",
      "-    x = 1",
      "+    x = 7",
    );
    assert.equal(textOf(first, "src/app.py"), source.replace("1", "7"));
    const nested = await applied(
      "*** Update File: ./src/app.py",
      "@@ def b():",
      "@@ x = 1",
      "-    return x",
      "+    return 0",
    );
    assert.equal(textOf(nested, "src/app.py"), `${source.slice(0, -13)}    return 0\n`);
  });

  it("knows the end of the file", async () => {
    const result = await applied(
      "*** Update File: src/app.py",
      "@@",
      "     x = 1",
      "-    return x",
      "+    return 1",
      "*** End of File",
    );
    assert.equal(textOf(result, "src/app.py"), `${source.slice(0, -13)}    return 1\n`);
    const added = await applied("*** Update File: old.txt", "@@", "+more", "*** End of File");
    assert.equal(textOf(added, "old.txt"), "old\nmore\n");
  });

  it("keeps the line ends of a file, whichever its own are", async () => {
    const crlf = await applied("*** Update File: crlf", "@@", " one", "-two", "+zwei");
    assert.equal(textOf(crlf, "crlf"), "one\r\nzwei\r\n");
    const patch =
      "*** Begin Patch\n*** Update File: old.txt\n@@\n-old\n+new\n*** Add File: n\n+n\n*** End Patch";
    const windows = await applyText(patch.replaceAll("\n", "\r\n"));
    assert.deepEqual([textOf(windows, "old.txt"), textOf(windows, "n")], ["new\n", "n\n"]);
  });

  it("is refused with the places where it fits several", async () => {
    const { code, message, hint } = await failure(
      "*** Update File: src/app.py",
      "@@",
      "-    x = 1",
      "+    x = 2",
    );
    assert.equal(code, "patch_conflict");
    assert.equal(
      message,
      '"src/app.py": hunk 1 of 1 (line 3 of the patch) fits 2 places: lines 2, 7.',
    );
    assert.match(hint ?? "", /more lines of context/);
  });

  for (const [name, code, lines] of [
    ["a path above", "patch_refused", ["*** Add File: ../x", "+x"]],
    ["an absolute path", "patch_refused", ["*** Add File: /etc/x", "+x"]],
    ["git's directory", "patch_refused", ["*** Add File: .git/hooks/pre-commit", "+x"]],
    [
      "a move into git's directory",
      "patch_refused",
      ["*** Update File: old.txt", "*** Move to: .git/config"],
    ],
    [
      "a change through a link",
      "patch_refused",
      ["*** Update File: link", "@@", "-old.txt", "+/etc/passwd"],
    ],
    ["a file beneath a link", "patch_refused", ["*** Add File: link/x", "+x"]],
    ["a file that is there", "patch_conflict", ["*** Add File: old.txt", "+x"]],
    ["a move onto a file", "patch_conflict", ["*** Update File: old.txt", "*** Move to: crlf"]],
    ["a file that is not there", "patch_conflict", ["*** Update File: gone", "@@", "-a", "+b"]],
    ["the removal of nothing", "patch_conflict", ["*** Delete File: gone"]],
    ["a directory", "patch_conflict", ["*** Delete File: src"]],
    [
      "a good section and a bad one",
      "patch_conflict",
      ["*** Delete File: old.txt", "*** Update File: crlf", "@@", "-x", "+y"],
    ],
    ["an update without hunks", "patch_malformed", ["*** Update File: old.txt"]],
    ["a hunk that changes nothing", "patch_malformed", ["*** Update File: old.txt", "@@", " old"]],
    ["an added line without +", "patch_malformed", ["*** Add File: x", "+x", "y"]],
    [
      "a line without sign",
      "patch_malformed",
      ["*** Update File: old.txt", "@@", "-old", "new", "+newer"],
    ],
    ["content after a deletion", "patch_malformed", ["*** Delete File: old.txt", "-old"]],
    ["no name", "patch_malformed", ["*** Add File: ", "+x"]],
    ["no section", "patch_malformed", ["words"]],
  ] as const)
    it(`changes nothing: ${name} (${code})`, async () => {
      assert.equal((await failure(...lines)).code, code);
    });

  it("ends as it says, and nothing that changes files follows", async () => {
    const begun = "*** Begin Patch\n*** Delete File: old.txt\n";
    assert.match((await failureOf(begun)).message, /ends without "\*\*\* End Patch"/);
    for (const rest of ["*** Delete File: crlf\n", "@@\n-a\n+b\n", "+more\n", "*** Begin Patch\n"])
      assert.equal(
        (await failureOf(`${begun}*** End Patch\n${rest}`)).code,
        "patch_malformed",
        rest,
      );
    const wrapped = `apply_patch <<'EOF'\n${begun}*** End Patch\nEOF\n`;
    assert.equal((await applyText(wrapped)).has("old.txt"), false);
  });

  it("is bounded work, however often its names and lines repeat", async () => {
    const lines = "x\n".repeat(100_000);
    const read = targetReaderOf(new Map([["f", file(lines)]]));
    const anchors = "@@ x\n".repeat(3000);
    const patch = `*** Begin Patch\n*** Update File: f\n${anchors}-x\n-y\n+z\n*** End Patch\n`;
    await assert.rejects(planPatch(parsePatch(Buffer.from(patch)), read), { code: /^patch_/ });
    const deep = `*** Begin Patch\n*** Update File: f\n${anchors}-x\n+z\n*** End Patch\n`;
    await assert.rejects(planPatch(parsePatch(Buffer.from(deep)), read), { code: "patch_refused" });
  });
});
