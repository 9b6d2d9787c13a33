import assert from "node:assert/strict";
import { linkSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import type { PyroError } from "../../src/index.ts";
import { until } from "../support/until.ts";
import { refusal, TestWorkspaces } from "../support/workspaces.ts";

const everyByte = Buffer.from(Array.from({ length: 1024 }, (_, index) => index % 256));

describe("the files of a workspace", () => {
  let ws: TestWorkspaces;
  let id: string;
  before(async () => {
    ws = await TestWorkspaces.open();
    ({ workspaceId: id } = await ws.create({ name: "files" }));
  });
  after(async () => {
    await ws.assertNothingLeft();
    await ws[Symbol.asyncDispose]();
  });

  const write = (path: string, text: string | Uint8Array) =>
    ws.pyro.writeWorkspaceFile(id, path, { text });
  const read = (path: string, options = {}) => ws.pyro.readWorkspaceFile(id, path, options);
  const names = async (path?: string, recursive = false) => {
    const { entries } = await ws.pyro.listWorkspaceFiles(id, {
      ...(path !== undefined && { path }),
      recursive,
    });
    return entries.map((entry) => entry.path);
  };

  it("are written with their parents, read, and listed", async () => {
    const written = await write("a/b/c.txt", "héllo\n");
    assert.deepEqual(
      [written.path, written.bytes, written.created],
      ["/workspace/a/b/c.txt", 7, true],
    );
    assert.equal((await write("/workspace/a/b/c.txt", "")).created, false);
    await write("./a//b/c.txt", "héllo\n");
    const content = await read("a/b/c.txt");
    assert.deepEqual(
      [content.text, content.size, content.base64, content.truncated],
      ["héllo\n", 7, null, false],
    );
    await ws.sh(
      id,
      "ln -s b/c.txt a/link; chmod 751 a/b; touch -d '2001-02-03 04:05:06.5 UTC' a/b",
    );
    const { entries } = await ws.pyro.listWorkspaceFiles(id, { path: "a" });
    assert.deepEqual(entries[0], {
      path: "/workspace/a/b",
      type: "directory",
      size: 0,
      mode: "0751",
      modifiedAt: "2001-02-03T04:05:06.500Z",
      linkTarget: null,
    });
    assert.deepEqual(
      [entries[1]?.path, entries[1]?.type, entries[1]?.linkTarget],
      ["/workspace/a/link", "symlink", "b/c.txt"],
    );
    assert.deepEqual(await names("a", true), [
      "/workspace/a/b",
      "/workspace/a/b/c.txt",
      "/workspace/a/link",
    ]);
    assert.deepEqual(await names(), ["/workspace/a"]);
  });

  it("keep every byte, and are cut where the caller says", async () => {
    await write("bytes", everyByte);
    const { base64, size } = await read("bytes");
    assert.deepEqual([Buffer.from(base64 ?? "", "base64"), size], [everyByte, 1024]);
    const part = await read("bytes", { maxBytes: 100 });
    assert.deepEqual(
      [Buffer.from(part.base64 ?? part.text, part.base64 ? "base64" : "utf8"), part.truncated],
      [everyByte.subarray(0, 100), true],
    );
    await write("large", "x".repeat(70_000));
    const cut = await read("large");
    assert.deepEqual([cut.text.length, cut.size, cut.truncated], [65_536, 70_000, true]);
    for (const maxBytes of [0, -1, 1.5, 16 * 1024 * 1024 + 1])
      assert.equal((await refusal(read("large", { maxBytes }))).code, "invalid_argument");
  });

  it("are replaced at once, with the mode they had", async () => {
    const [long, short] = ["a".repeat(300_000), "b".repeat(200_000)];
    await write("swap", long);
    await ws.sh(id, "chmod 755 swap");
    // Whoever reads sees one or the other, all of it.
    const script = `for i in $(seq 60); do { head -c 1 swap; wc -c < swap; } | tr -d '\\n'; echo; done | sort -u`;
    const watching = ws.sh(id, `touch watching; ${script}`);
    await until("the watcher runs", async () => (await names()).includes("/workspace/watching"));
    for (let turn = 0; turn < 6; turn++) await write("swap", turn % 2 === 0 ? short : long);
    for (const line of (await watching).trim().split("\n"))
      assert.match(line, /^[ab](300000|200000)$/);
    assert.equal((await ws.sh(id, "stat -c %a swap")).trim(), "755");
    assert.equal((await ws.sh(id, "ls -A | grep -c pyro || true")).trim(), "0");
  });

  it("are not reached through links that leave, nor where they are none", async () => {
    await ws.sh(id, "ln -s /etc out; ln -s /etc/passwd passwd; mkdir -p dir; mkfifo pipe");
    const codes = async (...work: Promise<unknown>[]) => {
      const errors = await Promise.all(work.map(refusal));
      return errors.map(({ code }) => code);
    };
    assert.deepEqual(
      await codes(
        read("out/passwd"),
        read("passwd"),
        write("out/evil", "x"),
        write("passwd", "x"),
        write("dir", "x"),
        read("dir"),
        read("pipe"),
        write("bytes/below", "x"),
      ),
      Array.from({ length: 8 }, () => "workspace_path_conflict"),
    );
    assert.deepEqual(
      await codes(read("none"), read("dir/none"), ws.pyro.listWorkspaceFiles(id, { path: "none" })),
      ["workspace_path_not_found", "workspace_path_not_found", "workspace_path_not_found"],
    );
    assert.equal(await ws.sh(id, "ls /etc/evil 2>/dev/null; head -c 4 /etc/passwd"), "root");
  });

  it("are given up as soon as the caller gives up, though the guest stands still", async () => {
    const patch = "--- /dev/null\n+++ b/never\n@@ -0,0 +1 @@\n+x\n";
    const calls = [
      (signal: AbortSignal) => ws.pyro.listWorkspaceFiles(id, { signal }),
      (signal: AbortSignal) => ws.pyro.readWorkspaceFile(id, "a/b/c.txt", { signal }),
      (signal: AbortSignal) => ws.pyro.writeWorkspaceFile(id, "never", { text: "x", signal }),
      (signal: AbortSignal) => ws.pyro.applyWorkspacePatch(id, { patch, signal }),
      (signal: AbortSignal) => ws.pyro.summarizeWorkspace(id, { signal }),
    ];
    const monitor = ws.monitor(id);
    process.kill(monitor, "SIGSTOP");
    try {
      for (const call of calls)
        assert.equal((await refusal(call(AbortSignal.timeout(100)))).code, "cancelled");
    } finally {
      process.kill(monitor, "SIGCONT");
    }
    assert.equal((await read("a/b/c.txt")).text, "héllo\n");
  });

  it("are old or new, never anything else, when a write is taken back at any moment", async () => {
    const known = [1, 2].map((round) => `${round << 20}`);
    await write("taken-back", Buffer.alloc(1 << 20, "1"));
    for (let round = 0; round < 24; round++) {
      const content = Buffer.alloc((1 + (round % 2)) << 20, "2");
      const signal = AbortSignal.timeout(1 + round * 3);
      await ws.pyro
        .writeWorkspaceFile(id, "taken-back", { text: content, signal })
        .catch((error: PyroError) => assert.equal(error.code, "cancelled"));
      const size = (await ws.sh(id, "stat -c %s taken-back")).trim();
      assert.ok(known.includes(size), `${size} bytes`);
    }
    await ws.sh(id, "rm taken-back");
  });

  it("outside /workspace are refused with a hint", async () => {
    const error = await refusal(read("/etc/passwd"));
    assert.deepEqual(
      [error.code, error.message],
      ["invalid_argument", '"/etc/passwd" is not below /workspace.'],
    );
    assert.match(error.hint ?? "", /pyro workspace exec ID -- cat \/etc\/passwd$/);
    for (const path of ["../etc/passwd", "a/../../etc", "/workspace/../etc", "/workspaces", "a\0b"])
      for (const work of [read(path), write(path, "x"), ws.pyro.listWorkspaceFiles(id, { path })])
        assert.equal((await refusal(work)).code, "invalid_argument", JSON.stringify(path));
  });

  it("are joined by what is pushed, which replaces files and merges directories", async () => {
    const source = ws.path("pushed");
    mkdirSync(join(source, "a", "b"), { recursive: true });
    writeFileSync(join(source, "a", "b", "c.txt"), "pushed\n", { mode: 0o600 });
    writeFileSync(join(source, "new"), "new\n");
    linkSync(join(source, "new"), join(source, "same"));
    symlinkSync("new", join(source, "to"));
    const pushed = await ws.pyro.pushWorkspaceSync(id, source);
    assert.deepEqual(
      [pushed.source, pushed.dest, pushed.bytes, pushed.skippedCount],
      [source, "/workspace", 11, 0],
    );
    assert.equal(
      await ws.sh(id, "cat a/b/c.txt to; stat -c %a a/b/c.txt; test new -ef same; ls a/link"),
      "pushed\nnew\n600\na/link\n",
    );
    const into = await ws.pyro.pushWorkspaceSync(id, source, { dest: "deep/er" });
    assert.equal(into.dest, "/workspace/deep/er");
    assert.equal(await ws.sh(id, "cat deep/er/to"), "new\n");
    assert.deepEqual(
      await names("deep/er"),
      ["a", "new", "same", "to"].map((name) => `/workspace/deep/er/${name}`),
    );
  });

  it("refuse what is pushed onto another kind, and through links", async () => {
    await ws.sh(id, "mkdir -p k1/new; mkdir -p k2; echo x > k2/a; ln -s /tmp away");
    const source = ws.path("pushed");
    for (const dest of ["k1", "k2", "away", "bytes"]) {
      const error = await refusal(ws.pyro.pushWorkspaceSync(id, source, { dest }));
      assert.equal(error.code, "workspace_path_conflict", dest);
    }
    assert.equal(await ws.sh(id, "cat k2/a; ls /tmp"), "x\n");
    const outside = await refusal(ws.pyro.pushWorkspaceSync(id, source, { dest: "/tmp" }));
    assert.equal(outside.code, "invalid_argument");
  });

  it("are read, written and listed by the command line", async () => {
    const cli = (args: string[], options = {}) => ws.home.pyro(["workspace", ...args], options);
    const input = everyByte;
    const written = await cli(["file", "write", "files", "cli/x", "--text-file", "-"], { input });
    assert.equal(written.code, 0, written.stderr);
    const back = await cli(["file", "read", "files", "/workspace/cli/x"]);
    assert.ok(back.bytes.equals(everyByte));
    const listed = JSON.parse((await cli(["file", "list", "files", "cli", "--json"])).stdout);
    assert.deepEqual(
      [listed.entries[0].path, listed.entries[0].size, listed.entries[0].link_target],
      ["/workspace/cli/x", 1024, null],
    );
    const pushed = await cli(["sync", "push", "files", ws.path("pushed"), "--dest", "c", "--json"]);
    assert.equal(JSON.parse(pushed.stdout).dest, "/workspace/c");
    const refused = await cli(["file", "read", "files", "/etc/passwd"]);
    assert.deepEqual([refused.stdout, refused.code], ["", 2]);
    assert.match(refused.stderr, /^error: "\/etc\/passwd" is not below \/workspace\.\nhint: /);
  });
});
