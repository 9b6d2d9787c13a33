import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { appendFileSync, readdirSync, readlinkSync, truncateSync } from "node:fs";
import {
  chmod,
  link,
  mkdir,
  rename,
  rm,
  symlink,
  truncate,
  utimes,
  writeFile,
} from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { toBuffer } from "../../../src/model/byte-path.ts";
import type { ContentPiece } from "../../../src/model/tree.ts";
import { type WalkOptions, walkDirectory } from "../../../src/trees/walk-directory.ts";
import { collect, refusal, temporaryDirectory } from "./support.ts";

async function walk(root: string, options: WalkOptions = {}) {
  const skipped: string[] = [];
  const changed: string[] = [];
  const seen = await collect(
    walkDirectory(root, {
      onSkipped: ({ path, reason }) => skipped.push(`${path}: ${reason}`),
      onChanged: (path) => changed.push(path),
      ...options,
    }),
  );
  return { seen, skipped, changed, paths: seen.map(({ entry }) => entry.path) };
}

test("a directory with every kind of entry is walked in order, and what cannot travel is told", async (t) => {
  const root = await temporaryDirectory(t);
  await mkdir(join(root, "b/deep"), { recursive: true });
  await writeFile(join(root, "b/deep/file"), "content", { mode: 0o640 });
  await utimes(join(root, "b/deep/file"), 1, 981_173_106.5);
  await link(join(root, "b/deep/file"), join(root, "z-hard"));
  await symlink("/etc/passwd", join(root, "a-link"));
  await symlink(".", join(root, "loop"));
  await writeFile(toBuffer(`${root}/\xff`), "raw");
  await writeFile(join(root, "large"), Buffer.alloc(1_000_000, 1));
  execFileSync("mkfifo", [join(root, "pipe")]);
  const server = createServer().listen(join(root, "sock"));
  t.after(() => server.close());
  const { seen, skipped, changed, paths } = await walk(root);
  assert.deepEqual(paths, [
    "",
    "a-link",
    "b",
    "b/deep",
    "b/deep/file",
    "large",
    "loop",
    "z-hard",
    "\xff",
  ]);
  assert.deepEqual(skipped, ["pipe: it is a fifo", "sock: it is a socket"]);
  assert.deepEqual(changed, []);
  const find = (path: string) => seen.find(({ entry }) => entry.path === path) ?? assert.fail(path);
  const { entry, content } = find("b/deep/file");
  assert.equal(content?.toString(), "content");
  assert.equal(entry.mode, 0o640);
  assert.equal(entry.mtimeNs, 981_173_106_500_000_000n);
  assert.notEqual(entry.inode, "0");
  assert.deepEqual(
    [find("z-hard").entry.type, find("z-hard").entry.target],
    ["hardlink", "b/deep/file"],
  );
  assert.deepEqual(
    [find("a-link").entry.type, find("a-link").entry.target],
    ["symlink", "/etc/passwd"],
  );
  assert.equal(find("large").content?.length, 1_000_000);
});

test("a root that is missing, or a file, is refused by name; a link to a directory is not", async (t) => {
  const root = await temporaryDirectory(t);
  assert.match(await refusal(walk(join(root, "no")), "seed_source_unusable"), /no cannot be read/);
  await writeFile(join(root, "file"), "");
  await refusal(walk(join(root, "file")), "seed_source_unusable");
  await mkdir(join(root, "real"));
  await symlink("real", join(root, "link"));
  assert.deepEqual((await walk(join(root, "link"))).paths, [""]);
});

test("holes of a sparse file are found, and a file of a terabyte is skipped at once", async (t) => {
  const root = await temporaryDirectory(t);
  await writeFile(join(root, "sparse"), "begin");
  await truncate(join(root, "sparse"), 20_000_000);
  appendFileSync(join(root, "sparse"), "end");
  await writeFile(join(root, "huge"), "");
  truncateSync(join(root, "huge"), 2 ** 40);
  const started = performance.now();
  const pieces: ContentPiece[] = [];
  const skipped: string[] = [];
  for await (const item of walkDirectory(root, { onSkipped: ({ path }) => skipped.push(path) }))
    for await (const piece of item.content ?? []) pieces.push(piece);
  assert.deepEqual(skipped, ["huge"]);
  const holes = pieces.map((piece) => ("holeBytes" in piece ? piece.holeBytes : 0));
  const data = pieces.map((piece) => ("holeBytes" in piece ? 0 : piece.length));
  const sum = (values: number[]) => values.reduce((total, value) => total + value, 0);
  assert.equal(sum(holes) + sum(data), 20_000_003);
  assert.ok(sum(data) < 1_000_000, `${sum(data)} bytes of data`);
  assert.ok(performance.now() - started < 2000);
});

test("files that change, grow or shrink while they are read are told, and keep their promised size", async (t) => {
  const root = await temporaryDirectory(t);
  for (const name of ["grown", "shrunk", "same"])
    await writeFile(join(root, name), Buffer.alloc(2_000_000, 1));
  const changed: string[] = [];
  for await (const { entry, content } of walkDirectory(root, {
    onChanged: (path) => changed.push(path),
  })) {
    let bytes = 0;
    for await (const piece of content ?? []) {
      if (bytes === 0 && entry.path === "grown") appendFileSync(join(root, "grown"), "more");
      if (bytes === 0 && entry.path === "shrunk") truncateSync(join(root, "shrunk"), 300_000);
      bytes += "holeBytes" in piece ? piece.holeBytes : piece.length;
    }
    if (entry.type === "file") assert.equal(bytes, 2_000_000);
  }
  assert.deepEqual(changed, ["grown", "shrunk"]);
});

test("a directory swapped for a link while it is walked is not followed", async (t) => {
  const base = await temporaryDirectory(t);
  const root = join(base, "root");
  const outside = join(base, "outside");
  await mkdir(join(root, "b"), { recursive: true });
  await mkdir(outside);
  await writeFile(join(outside, "secret"), "secret");
  await writeFile(join(root, "a"), "");
  await writeFile(join(root, "b/inner"), "");
  const paths: string[] = [];
  const skipped: string[] = [];
  for await (const { entry } of walkDirectory(root, {
    onSkipped: ({ path }) => skipped.push(path),
  })) {
    paths.push(entry.path);
    if (entry.path !== "a") continue;
    await rename(join(root, "b"), join(base, "moved"));
    await symlink(outside, join(root, "b"));
  }
  assert.deepEqual(paths, ["", "a"]);
  assert.deepEqual(skipped, ["b"]);
});

test("files that disappear meanwhile are no failure", async (t) => {
  const root = await temporaryDirectory(t);
  for (let index = 0; index < 100; index++)
    await writeFile(join(root, `f${String(index).padStart(3, "0")}`), "x");
  await mkdir(join(root, "g"));
  const paths: string[] = [];
  for await (const { entry } of walkDirectory(root)) {
    paths.push(entry.path);
    if (entry.path === "f000") {
      await rm(join(root, "f099"));
      await rm(join(root, "g"), { recursive: true });
    }
  }
  assert.equal(paths.length, 100);
});

test("what may not be read is told", async (t) => {
  if (process.getuid?.() === 0) return t.skip("root may read everything");
  const root = await temporaryDirectory(t);
  await writeFile(join(root, "file"), "x");
  await chmod(join(root, "file"), 0);
  await mkdir(join(root, "directory"), { mode: 0 });
  assert.deepEqual((await walk(root)).skipped, [
    "directory: it may not be read",
    "file: it may not be read",
  ]);
});

/** Empty for a descriptor that is closed meanwhile, as that of the listing itself. */
function readlinkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return "";
  }
}

test("an abort ends the walk, and leaves no file open", async (t) => {
  const root = await temporaryDirectory(t);
  for (let index = 0; index < 40; index++)
    await writeFile(join(root, `f${index}`), Buffer.alloc(100_000));
  const openBelowRoot = () =>
    readdirSync("/proc/self/fd")
      .map((fd) => readlinkOf(`/proc/self/fd/${fd}`))
      .filter((target) => target.startsWith(root));
  const stop = new AbortController();
  await assert.rejects(async () => {
    for await (const { entry } of walkDirectory(root, { signal: stop.signal }))
      if (entry.path === "f3") stop.abort(new Error("enough"));
  }, /enough/);
  for await (const { entry } of walkDirectory(root)) if (entry.path === "f3") break;
  assert.deepEqual(openBelowRoot(), []);
});

const ignoreFiles: Readonly<Record<string, string>> = {
  ".gitignore":
    "*.log\n!keep.log\n/build\nnode_modules/\ndoc/**/*.pdf\n# comment\n\\#hash\n*.[oa]\nfoo/bar\n**/deep/x\ntrail \nÜ*\nlib/\n!lib/keep\n",
  ".git/info/exclude": "excluded\n!a.log\n",
  "sub/.gitignore": "!*.log\nlocal\n/anchored\n",
  "sub/deeper/.gitignore": "*\n!.gitignore\n!kept\n",
};
const plainFiles =
  "a.log keep.log build/x sub/build/x node_modules/m/i.js sub/node_modules/i.js doc/a.pdf doc/b/c.pdf x.pdf #hash x.o x.a x.c foo/bar a/foo/bar deep/x q/deep/x trail Ürgs excluded sub/excluded sub/a.log sub/local sub/x/local local sub/anchored sub/x/anchored sub/deeper/kept sub/deeper/other sub/deeper/d/e LIB/x lib/x lib/keep A.LOG .hidden";

test("with .gitignore respected, exactly the files that git would list travel", async (t) => {
  const root = await temporaryDirectory(t);
  const git = (...args: string[]) =>
    execFileSync("git", ["-c", "core.excludesFile=", "-C", root, ...args], {
      encoding: "latin1",
      env: { PATH: process.env.PATH, HOME: root, GIT_CONFIG_NOSYSTEM: "1" },
    });
  git("init", "--quiet");
  for (const path of [...plainFiles.split(" "), ...Object.keys(ignoreFiles)]) {
    await mkdir(join(root, path, ".."), { recursive: true });
    await writeFile(join(root, path), ignoreFiles[path] ?? "");
  }
  const expected = git("ls-files", "-z", "--others", "--cached", "--exclude-standard")
    .split("\0")
    .filter(Boolean)
    .sort();
  const { seen, skipped } = await walk(root, { respectGitignore: true });
  const files = seen.filter(({ entry }) => entry.type === "file").map(({ entry }) => entry.path);
  assert.deepEqual(
    files.filter((path) => !path.startsWith(".git/")),
    expected,
  );
  assert.ok(files.includes(".git/HEAD"), "the repository itself travels");
  assert.ok(skipped.includes("build: ignored by .gitignore"));
  assert.ok((await walk(root)).paths.includes("build/x"), "by default everything travels");
});

test("an abort arrives while nothing but rules is looked at", async (t) => {
  const root = await temporaryDirectory(t);
  await writeFile(join(root, ".gitignore"), `f*\n${"f*x\n".repeat(20_000)}`);
  for (let index = 0; index < 1500; index++) await writeFile(join(root, `f${index}`), "");
  const stop = new AbortController();
  await assert.rejects(async () => {
    for await (const { entry } of walkDirectory(root, {
      respectGitignore: true,
      signal: stop.signal,
    }))
      if (entry.path === ".gitignore") setImmediate(() => stop.abort(new Error("enough")));
  }, /enough/);
});
