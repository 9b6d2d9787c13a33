import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { toBuffer } from "../../../../src/model/byte-path.ts";
import { walkDirectory } from "../../../../src/trees/walk-directory.ts";
import { randomFrom, temporaryDirectory } from "../support.ts";

// The oracle is git itself: generated rules over generated trees.

const rounds = Number(process.env.PYRO_FUZZ_ROUNDS ?? 30);
const seed = Number(process.env.PYRO_FUZZ_SEED ?? 1);

const names = [
  "a",
  "b",
  "ab",
  "ba",
  "abc",
  "a.o",
  "b-c",
  "A",
  "x y",
  "c ",
  "#a",
  "!b",
  "a\\b",
  "[a]",
  "*",
  "\xe9",
  "\xff",
  "a]",
  "1",
  "_",
  "a\r",
];
const pieces = [
  "a",
  "b",
  "c",
  "ab",
  "A",
  ".o",
  "x y",
  " ",
  "\\ ",
  "#",
  "!",
  "\\",
  "\\a",
  "\\*",
  "\\[",
  "\\\\",
  "\xe9",
  "\xff",
  "1",
  "-",
  "]",
  "*",
  "*",
  "*",
  "**",
  "**",
  "***",
  "?",
  "/",
  "/",
  "/",
  "**/",
  "/**",
  "/**/",
  "[ab]",
  "[!a]",
  "[^b]",
  "[a-c]",
  "[]a]",
  "[!]a]",
  "[a-",
  "[",
  "[[:alpha:]]",
  "[[:space:]]",
  "[[:punct:]]",
  "[[:upper:]b]",
  "[[:nope:]]",
  "[[:a]",
  "[[:]",
  "[[::]]",
  "[c-a]",
  "[a\\]]",
  "[\\a-\\c]",
  "[--0]",
  "[a/b]",
  "[!/]",
  "[\x80-\xff]",
  "[a-]",
  "[[:digit:]-z]",
  "[[:cntrl:]]",
  "[[:graph:]]",
] as const;

function generated(seed: number) {
  const below = randomFrom(seed);
  // The lowest bits of a linear generator repeat too soon.
  for (let count = 0; count < 10; count++) below(2);
  const pick = <T>(values: readonly T[]): T => values[below(values.length)] as T;
  const line = () => {
    const body = Array.from({ length: 1 + below(4) }, () => pick(pieces)).join("");
    const start = below(6) === 0 ? "!" : below(8) === 0 ? "/" : "";
    const end = pick(["", "", "", "", "/", " ", "  ", "\r", "\t", "\0x"]);
    return start + body + end;
  };
  const rules = () =>
    (below(10) === 0 ? "\xef\xbb\xbf" : "") +
    Array.from({ length: 1 + below(5) }, line).join(below(8) === 0 ? "\r\n" : "\n") +
    pick(["", "\n"]);
  const path = () => Array.from({ length: 1 + below(4) }, () => pick(names)).join("/");
  return { below, rules, path };
}

function makeTree(root: string, { below, rules, path }: ReturnType<typeof generated>) {
  const put = (name: string, content: string) => {
    try {
      const at = toBuffer(`${root}/${name}`);
      mkdirSync(toBuffer(`${root}/${name}`.slice(0, `${root}/${name}`.lastIndexOf("/"))), {
        recursive: true,
      });
      writeFileSync(at, toBuffer(content));
    } catch {
      // The name is taken by the other kind.
    }
  };
  for (let count = 20 + below(30); count > 0; count--) put(path(), "");
  put(".gitignore", rules());
  put(".git/info/exclude", rules());
  for (let count = below(3); count > 0; count--) put(`${path()}/.gitignore`, rules());
}

test(`generated rules leave out exactly what git leaves out (${rounds} rounds from seed ${seed})`, async (t) => {
  for (let round = 0; round < rounds; round++) {
    const root = await temporaryDirectory(t);
    const git = (...args: string[]) =>
      execFileSync("git", ["-c", "core.excludesFile=", "-C", root, ...args], {
        encoding: "latin1",
        stdio: ["ignore", "pipe", "ignore"],
        env: { PATH: process.env.PATH, HOME: root, GIT_CONFIG_NOSYSTEM: "1" },
      });
    git("init", "--quiet");
    makeTree(root, generated(seed * 1_000_003 + round));
    const listed = git("ls-files", "-z", "--others", "--exclude-standard")
      .split("\0")
      .filter(Boolean)
      .sort();
    const ours: string[] = [];
    for await (const { entry } of walkDirectory(root, { respectGitignore: true }))
      if (entry.type === "file" && !entry.path.startsWith(".git/")) ours.push(entry.path);
    assert.deepEqual(ours.sort(), listed, `round ${round} of seed ${seed}`);
  }
});
