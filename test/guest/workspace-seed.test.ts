import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  appendFileSync,
  chmodSync,
  createWriteStream,
  linkSync,
  mkdirSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { after, afterEach, before, describe, it } from "node:test";
import { type Header, pack } from "tar-stream";
import { refusal, TestWorkspaces } from "../support/workspaces.ts";

/** Everything of the tree but what a file system decides. */
const listing =
  "LC_ALL=C; export LC_ALL; find . -mindepth 1 -printf '%P|%y|%m|%T@|%l|%n\\0' | sort -z | tr '\\0' '\\n' | cat -v";

describe("a seed", () => {
  let ws: TestWorkspaces;
  before(async () => {
    ws = await TestWorkspaces.open();
  });
  afterEach(() => ws.assertNothingLeft());
  after(() => ws[Symbol.asyncDispose]());

  const touch = (path: Buffer | string, time: string) =>
    execFileSync("touch", ["--no-dereference", "-d", time, "--", String(path)]);

  it("that is a directory keeps modes, times, links and names, and names what it leaves out", async () => {
    const root = ws.path("everything");
    const outside = ws.path("outside");
    mkdirSync(join(root, "empty"), { recursive: true });
    mkdirSync(join(root, "private"), { mode: 0o700 });
    mkdirSync(outside);
    writeFileSync(join(outside, "secret"), "not to be copied");
    writeFileSync(join(root, "run.sh"), "#!/bin/sh\n");
    chmodSync(join(root, "run.sh"), 0o4755);
    writeFileSync(join(root, "private", "key"), "k");
    chmodSync(join(root, "private", "key"), 0o600);
    linkSync(join(root, "run.sh"), join(root, "private", "same"));
    symlinkSync(outside, join(root, "leaving"));
    symlinkSync("run.sh", join(root, "inside"));
    symlinkSync("nowhere", join(root, "dangling"));
    writeFileSync(Buffer.concat([Buffer.from(`${root}/caf`), Buffer.from([0xe9])]), "latin1");
    writeFileSync(join(root, "two\nlines"), "newline");
    writeFileSync(join(root, "sparse"), "head");
    truncateSync(join(root, "sparse"), 64 << 20);
    execFileSync("mkfifo", [join(root, "pipe")]);
    const server = createServer().listen(join(root, "socket"));
    touch(join(root, "private", "key"), "2001-02-03T04:05:06.123456789Z");
    touch(join(root, "inside"), "1999-12-31T23:59:59.5Z");
    touch(join(root, "empty"), "2010-10-10T10:10:10.000000001Z");
    try {
      const { workspaceId: id, workspaceSeed } = await ws.create({ seedPath: root });
      assert.deepEqual([workspaceSeed.mode, workspaceSeed.seedPath], ["directory", root]);
      assert.deepEqual(workspaceSeed.skipped, [
        { path: "pipe", reason: "it is a fifo" },
        { path: "socket", reason: "it is a socket" },
      ]);
      assert.equal(workspaceSeed.skippedCount, 2);

      const lines = (await ws.sh(id, listing)).split("\n");
      const of = (name: string) => lines.find((line) => line.startsWith(`${name}|`));
      assert.equal(of("private/key"), "private/key|f|600|981173106.1234567890||1");
      assert.equal(of("empty"), "empty|d|755|1286705410.0000000010||2");
      assert.equal(of("inside"), "inside|l|777|946684799.5000000000|run.sh|1");
      assert.match(of("leaving") ?? "", new RegExp(`\\|l\\|777\\|.*\\|${outside}\\|1$`));
      assert.match(of("dangling") ?? "", /\|nowhere\|1$/);
      assert.match(of("run.sh") ?? "", /^run.sh\|f\|4755\|.*\|\|2$/);
      assert.match(of("private") ?? "", /\|d\|700\|/);
      assert.match(of("cafM-i") ?? "", /\|f\|644\|/);
      assert.ok(lines.includes("two"), "a name with a line end");
      assert.equal(await ws.sh(id, "cat 'two\nlines'; cat caf*"), "newlinelatin1");
      assert.equal(
        await ws.sh(id, "test run.sh -ef private/same && stat -c %s sparse"),
        `${64 << 20}\n`,
        "one file with two names",
      );
      const sparseKib = Number(await ws.sh(id, "stat -c %b sparse")) / 2;
      assert.ok(sparseKib < 1024, `a hole takes ${sparseKib} KiB`);
      assert.equal(
        lines.find((line) => line.includes("secret")),
        undefined,
      );
      assert.deepEqual((await ws.pyro.diffWorkspace(id)).changes, []);
    } finally {
      server.close();
    }
  });

  it("leaves out what .gitignore names, only when asked", async () => {
    const root = ws.path("ignoring");
    mkdirSync(join(root, "src", "build"), { recursive: true });
    mkdirSync(join(root, "node_modules", "x"), { recursive: true });
    writeFileSync(join(root, ".gitignore"), "node_modules/\n*.log\n!keep.log\n");
    writeFileSync(join(root, "src", ".gitignore"), "build\n");
    for (const name of ["a.log", "keep.log", "src/b.log", "src/main.py", "src/build/out"])
      writeFileSync(join(root, name), name);
    writeFileSync(join(root, "node_modules", "x", "index.js"), "x");
    const { workspaceId, workspaceSeed } = await ws.create({
      seedPath: root,
      respectGitignore: true,
    });
    assert.equal(
      await ws.sh(workspaceId, "find . -type f | LC_ALL=C sort"),
      "./.gitignore\n./keep.log\n./src/.gitignore\n./src/main.py\n",
    );
    assert.deepEqual(workspaceSeed.skipped.map(({ path }) => path).sort(), [
      "a.log",
      "node_modules",
      "src/b.log",
      "src/build",
    ]);
  });

  it("names files that change while they are read", async () => {
    const root = ws.path("busy");
    mkdirSync(root);
    writeFileSync(join(root, "calm"), "calm");
    const busy = join(root, "growing");
    writeFileSync(busy, Buffer.alloc(24 << 20, "x"));
    const writer = setInterval(() => appendFileSync(busy, "more"), 1);
    try {
      const { workspaceId, workspaceSeed } = await ws.create({ seedPath: root });
      assert.deepEqual(workspaceSeed.changedWhileRead, ["growing"]);
      // What was promised is what arrived: the baseline is what the guest has.
      assert.deepEqual((await ws.pyro.diffWorkspace(workspaceId)).changes, []);
    } finally {
      clearInterval(writer);
    }
  });

  it("may be an archive, packed or not, with what it says of modes, times and links", async () => {
    const root = ws.path("packed");
    mkdirSync(join(root, "dir", "empty"), { recursive: true });
    writeFileSync(join(root, "dir", "tool"), "#!/bin/sh\necho packed\n", { mode: 0o755 });
    symlinkSync("dir/tool", join(root, "link"));
    linkSync(join(root, "dir", "tool"), join(root, "other"));
    touch(join(root, "dir", "tool"), "2020-01-02T03:04:05.25Z");
    const seen: string[] = [];
    for (const name of ["a.tar", "a.tar.gz", "a.tgz"]) {
      const path = ws.path(name);
      const pack = name.endsWith("tar") ? [] : ["--gzip"];
      execFileSync("tar", ["--format=pax", "-C", root, ...pack, "-cf", path, "."]);
      const { workspaceId, workspaceSeed } = await ws.create({ seedPath: path });
      assert.deepEqual([workspaceSeed.mode, workspaceSeed.seedPath], ["archive", path]);
      assert.equal(
        await ws.sh(workspaceId, "./link; test other -ef dir/tool; ls -A dir"),
        "packed\nempty\ntool\n",
      );
      seen.push(await ws.sh(workspaceId, listing));
    }
    assert.match(seen[0] ?? "", /^dir\/tool\|f\|755\|1577934245\.2500000000\|\|2$/m);
    assert.deepEqual([seen[1], seen[2]], [seen[0], seen[0]]);
  });

  const evil: Record<string, readonly (Partial<Header> & { name: string; content?: string })[]> = {
    "a name that climbs out": [{ name: "../evil", content: "x" }],
    "a name that climbs out later": [{ name: "a/../../evil", content: "x" }],
    "a name through a link": [
      { name: "link", type: "symlink", linkname: "/etc" },
      { name: "link/passwd", content: "x" },
    ],
    "a hard link out of the tree": [{ name: "hard", type: "link", linkname: "../../etc/passwd" }],
    "a device": [{ name: "disk", type: "block-device", devmajor: 8, devminor: 0 }],
  };
  for (const [what, members] of Object.entries(evil))
    it(`is refused as an archive with ${what}, and nothing is left`, async () => {
      const path = ws.path("evil.tar");
      const archive = pack();
      archive.entry({ name: "good" }, "good");
      for (const { content, ...header } of members) archive.entry(header, content ?? "");
      archive.finalize();
      await pipeline(archive, createWriteStream(path));
      const error = await refusal(ws.create({ seedPath: path }));
      assert.equal(error.code, "archive_refused", error.message);
      const name = members.at(-1)?.name ?? "";
      assert.ok(error.message.includes(name), error.message);
      rmSync(path);
      await ws.assertNothingLeft();
    });

  it("that is damaged, missing or something else is refused, and nothing is left", async () => {
    const cut = ws.path("cut.tar.gz");
    const whole = ws.path("whole");
    mkdirSync(whole);
    writeFileSync(join(whole, "file"), Buffer.alloc(100_000, "x"));
    const packed = execFileSync("tar", ["-C", whole, "--gzip", "-cf", "-", "."]);
    writeFileSync(cut, packed.subarray(0, packed.length / 2));
    const text = ws.path("notes.txt");
    writeFileSync(text, "no archive");
    const codes: string[] = [];
    for (const seedPath of [cut, text, ws.path("missing")])
      codes.push((await refusal(ws.create({ seedPath }))).code);
    assert.deepEqual(codes, ["archive_refused", "invalid_argument", "invalid_argument"]);
  });
});
