import assert from "node:assert/strict";
import { test } from "node:test";
import { IgnorePatterns } from "../../../../src/trees/git/ignore-patterns.ts";
import { compileGlob, matchesGlob } from "../../../../src/trees/git/wildmatch.ts";

function matches(pattern: string, text: string): boolean {
  const glob = compileGlob(pattern);
  return glob !== undefined && matchesGlob(glob, text);
}

const table: readonly [pattern: string, matching: readonly string[], other: readonly string[]][] = [
  ["*.o", ["a.o", ".o"], ["a.c", "d/a.o"]],
  ["a?c", ["abc", "a\xe9c"], ["ac", "a/c"]],
  ["**/b", ["b", "a/b", "a/a/b"], ["ab", "b/a"]],
  ["a/**/b", ["a/b", "a/x/b", "a/x/y/b"], ["ab", "a/xb"]],
  ["a/**", ["a/b", "a/b/c"], ["a", "b/a/c"]],
  ["a**b", ["ab", "axxb"], ["a/b"]],
  ["a***/b", ["axx/b"], ["a/x/b"]],
  ["[a-c]*[!x-z]", ["ab", "c1"], ["ax", "d1", "a"]],
  ["[[:digit:]_]", ["1", "_"], ["a"]],
  ["[]-]", ["]", "-"], ["a"]],
  ["[!/]", ["a"], ["/"]],
  ["\\*", ["*"], ["a"]],
  ["[a", [], ["a", "[a"]],
  ["[[:other:]]", [], ["o"]],
  ["a\\", [], ["a", "a\\"]],
];

test("a glob matches what git says that it matches", () => {
  for (const [pattern, matching, other] of table) {
    for (const text of matching) assert.ok(matches(pattern, text), `${pattern} takes ${text}`);
    for (const text of other) assert.ok(!matches(pattern, text), `${pattern} refuses ${text}`);
  }
});

test("patterns full of stars end at once, on the longest names and paths there are", () => {
  const name = "a".repeat(255);
  assert.equal(matches(`${"*a".repeat(120)}b`, name), false);
  assert.equal(matches(`${"*a*".repeat(120)}`, name), true);
  const path = Array.from({ length: 2000 }, () => "a").join("/");
  assert.equal(matches(`${"**/a*/".repeat(300)}b`, path), false);
  assert.equal(matches(`${"**/".repeat(300)}b`, path), false);
  assert.equal(matches(`${"**/*a/".repeat(300)}a`, path), true);
});

test("the last line about a name decides, and lines are read as git reads them", () => {
  const patterns = IgnorePatterns.parse(
    "\xef\xbb\xbfbom\n*.log\n!keep.log\r\n# no\n\\#yes\n\\!bang\nspaced\\ \nends  \n/top\nd/\nx/y\ncut\0off\nout**/in\n",
  );
  const says = (path: string, isDirectory = false) => {
    const slash = path.lastIndexOf("/");
    return patterns.test(path.slice(0, Math.max(0, slash)), path.slice(slash + 1), isDirectory);
  };
  for (const path of [
    "bom",
    "a.log",
    "s/a.log",
    "#yes",
    "!bang",
    "spaced ",
    "ends",
    "top",
    "x/y",
    "cut",
    "out/m/in",
  ])
    assert.equal(says(path), true, path);
  assert.equal(says("keep.log"), false);
  for (const path of ["# no", "spaced", "ends ", "s/top", "s/x/y", "d", "cutoff", "in"])
    assert.equal(says(path), undefined, path);
  assert.equal(says("s/d", true), true);
});
