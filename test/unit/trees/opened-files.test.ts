import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { symlink as makeLink, mkdir, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import type { TreeItem } from "../../../src/model/tree.ts";
import { type WriteTreeOptions, writeTree } from "../../../src/trees/write-tree.ts";
import {
  directory,
  file,
  from,
  hardlink,
  refusal,
  symlink,
  temporaryDirectory,
} from "./support.ts";

interface Written {
  /** What is named, with the moment it runs. */
  readonly runs: Record<string, string>;
  readonly skipped: readonly string[];
  readonly destination: string;
  readonly entryCount: number;
}

/** Writes `items` under `name` in a directory of the test's own. */
async function write(
  t: TestContext,
  items: Iterable<TreeItem>,
  { name = "out", ...options }: Partial<WriteTreeOptions> & { name?: string } = {},
): Promise<Written> {
  const destination = join(await temporaryDirectory(t), name);
  const written = await writeTree(from(items), { destination, ...options });
  return {
    runs: Object.fromEntries(written.runsWhenOpened.map(({ path, runs }) => [path, runs])),
    skipped: written.skipped.map(({ path, reason }) => `${path}: ${reason.split(":")[0]}`),
    destination,
    entryCount: written.entryCount,
  };
}

test("a link that stands for a directory of hooks or settings is named", async (t) => {
  const { runs } = await write(t, [
    directory("h"),
    file("h/post-checkout", "#!/bin/sh\n"),
    file("h/tasks.json", "{}"),
    directory(".git"),
    symlink(".git/hooks", "../h"),
    symlink(".vscode", "h"),
    symlink(".github", "h"),
    symlink("docs", "h"),
  ]);
  assert.deepEqual(runs, {
    ".git/hooks": "by_itself",
    ".vscode": "by_itself",
    ".github": "by_itself",
  });
});

test("a part of a tree is judged by its name in the workspace, and by the one it gets", async (t) => {
  const settings = () => [directory(""), file("tasks.json", "{}")];
  const named = { "tasks.json": "by_itself" };
  assert.deepEqual((await write(t, settings())).runs, {});
  assert.deepEqual((await write(t, settings(), { sourcePath: "a/.vscode" })).runs, named);
  assert.deepEqual((await write(t, settings(), { name: ".vscode" })).runs, named);
  const one = () => [file("", "echo x")];
  assert.deepEqual((await write(t, one(), { sourcePath: "notes.txt" })).runs, {});
  assert.deepEqual((await write(t, one(), { sourcePath: "a/.envrc" })).runs, { "": "by_itself" });
  assert.deepEqual((await write(t, one(), { sourcePath: "x", name: ".envrc" })).runs, {
    "": "by_itself",
  });
});

test("the destination is judged by its real name, whatever links lead to it", async (t) => {
  const parent = await temporaryDirectory(t);
  await mkdir(join(parent, ".git", "hooks"), { recursive: true });
  await makeLink(join(".git", "hooks"), join(parent, "plain"));
  const written = await writeTree(from([file("", "x")]), {
    destination: join(parent, "plain", "post-checkout"),
  });
  assert.deepEqual(
    written.runsWhenOpened.map(({ runs }) => runs),
    ["by_itself"],
  );
});

test("a bare repository in disguise is named, also under a name that says so already", async (t) => {
  const parts = () => [file("HEAD"), file("config"), directory("objects"), directory("refs")];
  assert.deepEqual((await write(t, parts())).runs, { config: "by_itself" });
  assert.deepEqual((await write(t, parts(), { sourcePath: ".git" })).runs, { config: "by_itself" });
});

const mixed = () => [
  directory(".vscode"),
  file(".vscode/tasks.json", "{}"),
  file(".envrc", "echo x"),
  hardlink("plain", ".envrc"),
  file("Makefile", "all:\n"),
  directory("h"),
  file("h/post-checkout", "#!/bin/sh\n"),
  directory(".git"),
  symlink(".git/hooks", "../h"),
  directory("bare"),
  file("bare/HEAD", "x"),
  file("bare/config", "x"),
  directory("bare/objects"),
  directory("bare/refs"),
  file("src.ts", "code"),
  hardlink("same.ts", "src.ts"),
];

test("what runs by itself is left out when that is asked for, and everything else arrives", async (t) => {
  const all = await write(t, mixed());
  const some = await write(t, mixed(), { leaveOutSelfRunning: true });
  assert.deepEqual(all.runs, {
    ".vscode/tasks.json": "by_itself",
    ".envrc": "by_itself",
    Makefile: "when_asked",
    ".git/hooks": "by_itself",
    "bare/config": "by_itself",
  });
  assert.deepEqual(some.runs, { Makefile: "when_asked" });
  assert.deepEqual(some.skipped, [
    ".vscode/tasks.json: it runs by itself",
    ".envrc: it runs by itself",
    "plain: it runs by itself",
    ".git/hooks: it runs by itself",
    "bare/config: it runs by itself",
  ]);
  assert.equal(some.entryCount, all.entryCount - some.skipped.length);
  const names = (await readdir(some.destination, { recursive: true })).sort();
  assert.deepEqual(
    names,
    [".git", ".vscode", "Makefile", "bare", "bare/HEAD", "bare/objects", "bare/refs"].concat([
      "h",
      "h/post-checkout",
      "same.ts",
      "src.ts",
    ]),
  );
  assert.equal(await readFile(join(some.destination, "same.ts"), "utf8"), "code");
});

test("one file that runs by itself is refused when such are to be left out", async (t) => {
  const parent = await temporaryDirectory(t);
  for (const [sourcePath, name] of [
    [".envrc", "notes.txt"],
    ["notes.txt", ".envrc"],
  ] as const) {
    const destination = join(parent, name);
    const options = { destination, sourcePath, leaveOutSelfRunning: true };
    const message = await refusal(writeTree(from([file("", "echo x")]), options), "export_refused");
    assert.match(message, /runs by itself on this host \(shell extensions load it/);
    assert.ok(!existsSync(destination));
  }
  assert.deepEqual(await readdir(parent), []);
});
