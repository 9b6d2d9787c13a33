import assert from "node:assert/strict";
import { execFileSync, fork } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import {
  lstat,
  symlink as makeLink,
  mkdir,
  readdir,
  readFile,
  readlink,
  stat,
  writeFile,
} from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { PyroError } from "../../../src/model/errors.ts";
import type { TreeItem } from "../../../src/model/tree.ts";
import { decodeTree } from "../../../src/trees/decode-tree.ts";
import { encodeTree } from "../../../src/trees/encode-tree.ts";
import { walkDirectory } from "../../../src/trees/walk-directory.ts";
import { type WriteTreeOptions, writeTree } from "../../../src/trees/write-tree.ts";
import {
  bytesOf,
  collect,
  directory,
  entry,
  file,
  from,
  hardlink,
  randomFrom,
  refusal,
  symlink,
  temporaryDirectory,
} from "./support.ts";

/** Writes `items` as `out` in a directory of the test's own. */
async function place(
  t: TestContext,
  items: Iterable<TreeItem>,
  options: Partial<WriteTreeOptions> = {},
) {
  const parent = await temporaryDirectory(t);
  const destination = join(parent, "out");
  const write = () => writeTree(from(items), { destination, ...options });
  return { parent, destination, write };
}

async function assertNothingLeft(parent: string): Promise<void> {
  assert.deepEqual(await readdir(parent), []);
}

test("a tree arrives with contents, modes, times, links and holes", async (t) => {
  const { destination, write } = await place(
    t,
    [
      directory("", 0o750),
      directory("d", 0o500),
      file("d/run", "#!/bin/sh\n", { mode: 0o755 }),
      file("d/sparse", [
        Buffer.from("a"),
        { holeBytes: 50_000_000 },
        Buffer.from("b"),
        { holeBytes: 9 },
      ]),
      hardlink("hard", "d/run"),
      symlink("link", "d/run"),
      file("old", "x", { mtimeNs: -86_400_000_000_000n, mode: 0o666 }),
      file("", "raw", { path: "\xff" }),
    ],
    { sourcePath: ".husky" },
  );
  const written = await write();
  assert.equal(written.entryCount, 8);
  assert.equal((await stat(destination)).mode & 0o7777, 0o750);
  assert.equal((await stat(join(destination, "d"))).mode & 0o7777, 0o500);
  const run = await stat(join(destination, "d/run"), { bigint: true });
  assert.equal(run.mode & 0o7777n, 0o755n);
  assert.ok(Math.abs(Number(run.mtimeNs - 1_700_000_000_123_456_789n)) < 500);
  assert.equal((await stat(join(destination, "hard"), { bigint: true })).ino, run.ino);
  assert.equal(await readlink(join(destination, "link")), "d/run");
  const sparse = await stat(join(destination, "d/sparse"));
  assert.equal(sparse.size, 50_000_011);
  assert.ok(sparse.blocks * 512 < 1_000_000);
  const old = await stat(join(destination, "old"));
  assert.equal(old.mtimeMs, -86_400_000);
  assert.equal(old.mode & 0o777, 0o666, "the umask is not applied");
  assert.equal(await readFile(Buffer.from(`${destination}/\xff`, "latin1"), "utf8"), "raw");
  const expected = execFileSync("sha256sum", [join(destination, "d/sparse")], { encoding: "utf8" });
  // Digests are kept of what runs when opened, and all of a `.husky` does.
  assert.equal(written.digests.get("d/sparse"), expected.slice(0, 64));
  assert.equal(written.digests.get("hard"), written.digests.get("d/run"));
});

test("one file or link can be exported by itself", async (t) => {
  const single = await place(t, [file("", "alone", { mode: 0o640 })]);
  assert.equal((await single.write()).bytes, 5);
  assert.equal(await readFile(single.destination, "utf8"), "alone");
  assert.deepEqual(await readdir(single.parent), ["out"]);
  const link = await place(t, [symlink("", "/etc/passwd")]);
  assert.deepEqual((await link.write()).leavingLinks, [""]);
  assert.equal(await readlink(link.destination), "/etc/passwd");
});

test("an empty tree and a list of paths become a directory", async (t) => {
  const empty = await place(t, []);
  assert.equal((await empty.write()).entryCount, 1);
  assert.deepEqual(await readdir(empty.destination), []);
  const list = await place(t, [file("a/b/c", "x"), file("a/d", "y")]);
  assert.equal((await list.write()).entryCount, 5);
  assert.equal(await readFile(join(list.destination, "a/b/c"), "utf8"), "x");
});

for (const [what, make] of [
  ["a file", (path: string) => writeFile(path, "mine")],
  ["a directory", (path: string) => mkdir(path)],
  ["a dangling link", (path: string) => makeLink("/nowhere", path)],
] as const)
  test(`${what} in the place of the destination is left alone, before and during the export`, async (t) => {
    const early = await place(t, [file("f")]);
    await make(early.destination);
    assert.match(await refusal(early.write(), "export_target_exists"), /out exists already/);
    assert.deepEqual(await readdir(early.parent), ["out"]);
    for (const first of [directory(""), file("", "x")]) {
      const late = await place(t, []);
      const items = async function* () {
        yield first;
        await make(late.destination);
      };
      await refusal(writeTree(items(), { destination: late.destination }), "export_target_exists");
      const left = await lstat(late.destination);
      assert.ok(what === "a file" ? left.size === 4 : !left.isFile());
      assert.deepEqual(await readdir(late.parent), ["out"]);
    }
  });

test("a missing directory for the destination is named", async (t) => {
  const { parent } = await place(t, []);
  const work = writeTree(from([]), { destination: join(parent, "no/out") });
  assert.match(await refusal(work, "export_refused"), /no cannot be opened: ENOENT/);
});

test("special bits are stripped, special files skipped, and both are told", async (t) => {
  const { destination, write } = await place(t, [
    directory("", 0o1777),
    file("suid", "x", { mode: 0o4755 }),
    file("sgid", "x", { mode: 0o2755 }),
    { entry: entry("pipe", { type: "fifo" }) },
    { entry: entry("sock", { type: "socket" }) },
    { entry: entry("tty", { type: "character_device" }) },
    { entry: entry("sda", { type: "block_device" }) },
  ]);
  const written = await write();
  assert.equal(written.strippedCount, 3);
  assert.deepEqual(
    written.skipped.map(({ path, reason }) => `${path}: ${reason}`),
    [
      "pipe: it is a fifo",
      "sock: it is a socket",
      "tty: it is a character device",
      "sda: it is a block device",
    ],
  );
  assert.deepEqual(await readdir(destination), ["sgid", "suid"]);
  for (const name of ["", "suid", "sgid"])
    assert.equal((await stat(join(destination, name))).mode & 0o7000, 0);
});

test("links that lead out, or might, are listed", async (t) => {
  const { write } = await place(t, [
    directory("d"),
    symlink("abs", "/etc"),
    symlink("up", ".."),
    symlink("d/up", ".."),
    symlink("d/upup", "../../x"),
    symlink("detour", "d/../../x"),
    symlink("maybe", "d/../x"),
    symlink("d/fine", "../d/./x"),
    symlink("fine", "d"),
  ]);
  assert.deepEqual((await write()).leavingLinks, ["abs", "up", "d/upup", "detour", "maybe"]);
});

test("what runs when the tree is used is listed, a disguised bare repository included", async (t) => {
  const { write } = await place(t, [
    directory(".git"),
    file(".GIT/hooks/pre-commit"),
    file("docs/HEAD"),
    file("docs/config"),
    directory("docs/objects"),
    directory("docs/refs"),
    file("src/hooks/useState.ts"),
  ]);
  const paths = (await write()).runsWhenOpened.map(({ path }) => path);
  assert.deepEqual(paths, [".GIT/hooks/pre-commit", "docs/config"]);
});

test("files that changed while they were read are listed", async (t) => {
  const { write } = await place(t, [{ ...file("f", "x"), changedWhileRead: () => true }]);
  assert.deepEqual((await write()).changedWhileRead, ["f"]);
});

const evilTrees: ReadonlyArray<readonly [what: string, items: TreeItem[]]> = [
  ["a path that goes up", [file("../evil")]],
  ["an absolute path", [file("/tmp/evil")]],
  ["a file below a link", [symlink("a", "/tmp"), file("a/evil", "x")]],
  ["a directory below a link", [symlink("a", ".."), directory("a/evil")]],
  ["a file in the place of a link", [symlink("a", "../canary"), file("a", "x")]],
  ["a directory in the place of a link", [symlink("a", "/tmp"), directory("a"), file("a/b")]],
  ["a twin", [file("readme", "1"), file("readme", "2")]],
  ["a file in the place of a directory", [directory("a"), file("a")]],
  ["a hard link to outside", [hardlink("a", "../canary")]],
  ["a hard link to a link", [symlink("a", "../canary"), hardlink("b", "a")]],
  ["a hard link through a link", [symlink("d", ".."), hardlink("b", "d/canary")]],
  ["a hard link to nothing", [hardlink("b", "nothing")]],
  ["more than one tree", [file("", "x"), file("b", "x")]],
  ["a device as the tree", [{ entry: entry("", { type: "block_device" }) }]],
  ["the tree itself late", [file("a"), directory("")]],
  ["more content than announced", [file("a", "123456", { size: 5 })]],
  ["less content than announced", [file("a", "1234", { size: 5 })]],
  ["a NUL in a name", [file("a\0b")]],
];

for (const [what, items] of evilTrees)
  test(`a tree with ${what} is refused as a whole`, async (t) => {
    const { parent, write } = await place(t, items);
    await writeFile(join(parent, "canary"), "alive");
    await refusal(write(), "export_refused");
    assert.deepEqual(await readdir(parent), ["canary"]);
    assert.equal(await readFile(join(parent, "canary"), "utf8"), "alive");
  });

test("a tree beyond the limits is refused before its content is written, naming the limit", async (t) => {
  const huge = await place(t, [file("f", [{ holeBytes: 2 ** 40 }])]);
  const started = performance.now();
  assert.match(await refusal(huge.write(), "export_limit"), /17179869184/);
  assert.ok(performance.now() - started < 1000);
  await assertNothingLeft(huge.parent);
  const many = await place(t, [file("a"), file("b"), file("c")], { entriesMax: 2 });
  assert.match(await refusal(many.write(), "export_limit"), /2 is the limit/);
  await assertNothingLeft(many.parent);
  const sum = await place(t, [file("a", "123"), file("b", "456")], { bytesMax: 5 });
  assert.match(await refusal(sum.write(), "export_limit"), /6 bytes/);
});

test("a file larger than the disk is refused before its first byte", async (t) => {
  const { parent, write } = await place(t, [file("f", [{ holeBytes: 2 ** 50 }])], {
    bytesMax: 2 ** 51,
  });
  await refusal(write(), "host_no_space");
  await assertNothingLeft(parent);
});

test("a source that fails, or an abort while it stalls, leaves nothing", async (t) => {
  const failing = await place(t, []);
  const broken = async function* () {
    yield directory("d", 0o000);
    yield file("d/f", "x");
    throw new PyroError("guest_lost", "gone");
  };
  await refusal(writeTree(broken(), { destination: failing.destination }), "guest_lost");
  await assertNothingLeft(failing.parent);
  for (const stall of ["between", "within"] as const) {
    const { parent, destination } = await place(t, []);
    const never = new Promise<never>(() => undefined);
    const content = async function* () {
      yield Buffer.from("x");
      await never;
    };
    const stalling = async function* (): AsyncGenerator<TreeItem> {
      yield file("a", "x");
      if (stall === "between") await never;
      yield { entry: entry("b", { size: 2 }), content: content() };
    };
    const stop = new AbortController();
    const work = writeTree(stalling(), { destination, signal: stop.signal });
    setTimeout(() => stop.abort(new PyroError("cancelled", "enough")), 50);
    await refusal(work, "cancelled");
    await assertNothingLeft(parent);
  }
});

test("what a killed export left is removed by the next one, what a living one writes is not", async (t) => {
  const { parent, write } = await place(t, [file("f")]);
  const { startTicks } =
    (await import("../../../src/platform/processes.ts")).identifyProcess(process.pid) ?? {};
  await mkdir(join(parent, "out.0123abcd-999999-1.partial/d"), { recursive: true });
  await mkdir(join(parent, `out.0123abcd-${process.pid}-${startTicks}.partial`));
  await mkdir(join(parent, "out.mine.partial"));
  await write();
  assert.deepEqual(
    (await readdir(parent)).sort(),
    ["out", `out.0123abcd-${process.pid}-${startTicks}.partial`, "out.mine.partial"].sort(),
  );
});

test("2,000 random hostile trees change nothing outside, and are written whole or not at all", async (t) => {
  const parent = await temporaryDirectory(t);
  await mkdir(join(parent, "canary"));
  await writeFile(join(parent, "canary/file"), "alive");
  const random = randomFrom(7);
  const pick = <T>(values: readonly T[]): T => values[random(values.length)] as T;
  const names = [
    "a",
    "b",
    "A",
    "..",
    ".",
    "",
    "a/b",
    "a/b/c",
    "../canary",
    "/",
    "link",
    "link/x",
    "a//b",
    "canary/file",
    "x".repeat(300),
    "\u00e9",
    "e\u0301",
  ];
  const targets = ["..", "../canary", "../canary/file", "/etc/passwd", "a", "b", "link", "."];
  const make = [
    () => directory(pick(names), random(0o10000)),
    () => file(pick(names), "data"),
    () => symlink(pick(names), pick(targets)),
    () => hardlink(pick(names), pick(targets)),
  ];
  let written = 0;
  for (let round = 0; round < 2000; round++) {
    const items = Array.from({ length: 1 + random(5) }, () => pick(make)());
    const destination = join(parent, `out${round}`);
    try {
      await writeTree(from(items), { destination });
      written++;
    } catch (error) {
      assert.ok(error instanceof PyroError, String(error));
      assert.ok(!existsSync(destination));
    }
  }
  assert.ok(written > 50, `${written} written`);
  assert.deepEqual(await readdir(join(parent, "canary")), ["file"]);
  assert.equal(readFileSync(join(parent, "canary/file"), "utf8"), "alive");
  assert.equal((await readdir(parent)).filter((name) => name.endsWith(".partial")).length, 0);
});

/** Starts a script of this test with `args`; it is killed when the test ends. */
function startChild(t: TestContext, script: string, ...args: string[]) {
  const child = fork(join(import.meta.dirname, script), args, {
    execArgv: ["--disable-warning=ExperimentalWarning"],
    stdio: "ignore",
  });
  t.after(() => child.kill("SIGKILL"));
  return child;
}

test("nothing is written elsewhere while another process flips directories into links", async (t) => {
  const parent = await temporaryDirectory(t);
  const canary = join(parent, "canary");
  await mkdir(join(canary, "sub"), { recursive: true });
  await mkdir(join(parent, "area"));
  const flipper = startChild(t, "flip-directories.ts", join(parent, "area"), canary);
  let flips = 0;
  flipper.on("message", (count) => {
    flips = Number(count);
  });
  await once(flipper, "message");
  let attempts = 0;
  try {
    const begin = performance.now();
    const passedMs = () => performance.now() - begin;
    const isEnough = () => passedMs() > 2_500 && attempts > 10 && flips > 100;
    for (; !isEnough() && passedMs() < 60_000; attempts++) {
      const destination = join(parent, "area", `out${attempts}`);
      const items = Array.from({ length: 40 }, (_, index) => [
        directory(`d${index}`),
        directory(`d${index}/sub`),
        file(`d${index}/sub/evil`, "evil"),
      ]).flat();
      try {
        await writeTree(from(items), { destination });
      } catch (error) {
        assert.ok(error instanceof PyroError, String(error));
      }
    }
  } finally {
    flipper.kill("SIGKILL");
    await once(flipper, "exit");
  }
  assert.ok(attempts > 10 && flips > 100, `${flips} flips in ${attempts} attempts`);
  assert.deepEqual((await readdir(canary, { recursive: true })).sort(), ["sub"]);
});

test("an export that is killed at any moment leaves a complete destination or none", async (t) => {
  const parent = await temporaryDirectory(t);
  const random = randomFrom(3);
  let [complete, absent] = [0, 0];
  // Finds out by itself how long an export takes here, so that kills come before and after its end.
  let windowMs = 60;
  for (let round = 0; round < 40; round++) {
    const destination = join(parent, `out${round}`);
    const child = startChild(t, "export-many.ts", destination);
    await once(child, "message");
    await delay(random(windowMs));
    child.kill("SIGKILL");
    await once(child, "exit");
    if (!existsSync(destination)) {
      absent++;
      windowMs = Math.ceil(windowMs * 1.3);
      continue;
    }
    complete++;
    windowMs = Math.max(10, Math.floor(windowMs * 0.7));
    assert.equal((await readdir(destination)).length, 200);
    assert.equal((await stat(destination)).mode & 0o777, 0o755);
    assert.equal((await readFile(join(destination, "f199"))).length, 20_000);
  }
  assert.ok(complete > 0 && absent > 0, `${complete} complete, ${absent} absent`);
});

test("what is exported from a directory through a stream is that directory", async (t) => {
  const source = join(import.meta.dirname, "../../..", "src");
  const { destination } = await place(t, []);
  const stream = await bytesOf(encodeTree(walkDirectory(source)));
  await writeTree(decodeTree(from([stream])), { destination });
  const shape = (seen: Awaited<ReturnType<typeof collect>>) =>
    seen.map(({ entry: { path, type, mode }, content }) => ({ path, type, mode, content }));
  const [before, after] = [
    await collect(walkDirectory(source)),
    await collect(walkDirectory(destination)),
  ];
  assert.deepEqual(shape(after), shape(before));
});
