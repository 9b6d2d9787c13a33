import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { after, afterEach, before, describe, it } from "node:test";
import { hostDigest, refusal, TestWorkspaces } from "../support/workspaces.ts";

const lines = (count: number, word = "line") =>
  Array.from({ length: count }, (_, index) => `${word} ${index}\n`).join("");

describe("the changes of a workspace", () => {
  let ws: TestWorkspaces;
  before(async () => {
    ws = await TestWorkspaces.open();
  });
  afterEach(() => ws.assertNothingLeft());
  after(() => ws[Symbol.asyncDispose]());

  /** A tree with files of many kinds, and a workspace that begins with it. */
  const begin = async (name: string) => {
    const seed = ws.path(name);
    mkdirSync(join(seed, "dir", "deep"), { recursive: true });
    writeFileSync(join(seed, "text"), lines(40));
    writeFileSync(join(seed, "crlf"), "one\r\ntwo\r\nthree\r\n");
    writeFileSync(join(seed, "unended"), "a\nb");
    writeFileSync(
      join(seed, "binary"),
      Buffer.from(Array.from({ length: 2000 }, (_, at) => (at * 31) % 256)),
    );
    writeFileSync(join(seed, "script"), "#!/bin/sh\n");
    writeFileSync(join(seed, "moved from"), lines(60, "moved"));
    writeFileSync(join(seed, "dir", "gone"), "gone\n");
    writeFileSync(join(seed, "dir", "deep", "é"), "accent\n");
    symlinkSync("text", join(seed, "link"));
    const { workspaceId } = await ws.create({ seedPath: seed });
    return { seed, id: workspaceId };
  };
  const gitApply = (seed: string, patch: string | Buffer, name: string) => {
    const copy = ws.path(name);
    cpSync(seed, copy, { recursive: true, verbatimSymlinks: true });
    execFileSync("git", ["init", "--quiet", copy]);
    const patchPath = ws.path(`${name}.diff`);
    writeFileSync(patchPath, patch);
    execFileSync("git", ["-C", copy, "apply", "--whitespace=nowarn", patchPath]);
    return copy;
  };
  const edits = `sed -i 's/line 7$/LINE 7/; 30d' text; printf 'one\\r\\nTWO\\r\\nthree\\r\\n' > crlf
printf 'a\\nB' > unended; printf 'x' | dd of=binary bs=1 seek=1000 conv=notrunc status=none
chmod 755 script; mv 'moved from' 'moved to'; sed -i 's/moved 3$/MOVED 3/' 'moved to'
rm -r dir; mkdir -p new/deep; echo 'tab\there' > 'new/deep/with space'; : > new/empty
head -c 5000 /dev/urandom > new/random; ln -sf crlf link; mkdir nothing`;

  it("are the text that git applies to what it began with, and the same as a patch file", async () => {
    const { seed, id } = await begin("git");
    await ws.sh(id, edits);
    const { changes, diff, stat } = await ws.pyro.diffWorkspace(id);
    const kinds = Object.fromEntries(changes.map(({ path, kind }) => [path, kind]));
    assert.deepEqual(kinds, {
      binary: "modified",
      crlf: "modified",
      "dir/deep/é": "deleted",
      "dir/gone": "deleted",
      link: "modified",
      nothing: "added",
      "moved to": "renamed",
      "new/deep/with space": "added",
      "new/empty": "added",
      "new/random": "added",
      script: "mode_changed",
      text: "modified",
      unended: "modified",
    });
    const of = (path: string) => changes.find((change) => change.path === path);
    assert.deepEqual(
      [of("moved to")?.oldPath, of("script")?.oldMode, of("script")?.newMode],
      ["moved from", "0644", "0755"],
    );
    assert.deepEqual(
      [of("binary")?.isBinary, of("text")?.insertions, of("text")?.deletions],
      [true, 1, 2],
    );
    assert.match(diff, /^\\ No newline at end of file$/m);
    assert.match(diff, /^Binary files a\/binary and b\/binary differ$/m);
    assert.match(stat, /^ \d+ files? changed/m);

    const outputPath = ws.path("whole.patch");
    const exported = await ws.pyro.exportWorkspacePatch(id, { outputPath });
    assert.equal(exported.fileCount, changes.length);
    const copy = gitApply(seed, readFileSync(outputPath, "utf8"), "patched");
    const whole = ws.path("whole");
    await ws.pyro.exportWorkspace(id, "/workspace", { outputPath: whole });
    execFileSync("rm", ["-rf", join(copy, ".git"), join(whole, "nothing")]);
    assert.equal(hostDigest(copy), hostDigest(whole));
    assert.equal(statSync(join(copy, "script")).mode & 0o777, 0o755);
    // The text for people holds no binary content; all the rest of it git applies, too.
    const { diff: some } = await ws.pyro.diffWorkspace(id, { paths: ["text", "new/deep", "crlf"] });
    const partly = gitApply(seed, some, "partly");
    assert.equal(readFileSync(join(partly, "crlf"), "latin1"), "one\r\nTWO\r\nthree\r\n");
    assert.ok(existsSync(join(partly, "dir", "gone")));
    const again = await refusal(ws.pyro.exportWorkspacePatch(id, { outputPath }));
    assert.equal(again.code, "export_target_exists");
  });

  it("go into another workspace as the patch that came out of the first", async () => {
    const { seed, id } = await begin("first");
    await ws.sh(id, edits.replace("mkdir nothing", "true"));
    const outputPath = ws.path("round.patch");
    await ws.pyro.exportWorkspacePatch(id, { outputPath });
    const { workspaceId: other } = await ws.create({ seedPath: seed });
    await ws.pyro.applyWorkspacePatch(other, { patch: readFileSync(outputPath) });
    assert.equal(await ws.treeDigest(other), await ws.treeDigest(id));
  });

  it("are bytes in a pipe, whatever names and contents are", async () => {
    const { seed, id } = await begin("bytes");
    await ws.sh(
      id,
      `printf 'caf\\351\\r\\nend' > latin1; printf 'x\\n' > "$(printf 'raw\\377 "q"\\ttab\\nline')"
printf 'a\\nB\\nc' > unended; : > empty; chmod 755 text; ln -s 'to nowhere' 'a link'; mv crlf 'cr lf'`,
    );
    const { code, bytes, stderr } = await ws.home.pyro(["workspace", "diff", id]);
    assert.equal(code, 0, stderr);
    assert.ok(bytes.includes(Buffer.from("+caf\xe9\r\n", "latin1")));
    const copy = gitApply(seed, bytes, "from-pipe");
    const whole = ws.path("bytes-whole");
    await ws.pyro.exportWorkspace(id, "/workspace", { outputPath: whole });
    execFileSync("rm", ["-rf", join(copy, ".git")]);
    execFileSync("diff", ["-r", "--no-dereference", copy, whole]);
    assert.equal(statSync(join(copy, "text")).mode & 0o777, 0o755);

    const made = await ws.pyro.execWorkspace(id, {
      command: ["sh", "-c", "head -c 300000 /dev/urandom | tee image; printf '\\351\\377' >&2"],
    });
    const sequence = String(made.sequence);
    const raw = await ws.home.pyro(["workspace", "logs", id, "--raw", "--sequence", sequence]);
    assert.equal(raw.code, 0, raw.stderr);
    const image = ws.path("image");
    await ws.pyro.exportWorkspace(id, "image", { outputPath: image });
    assert.ok(raw.bytes.equals(readFileSync(image)));
    assert.equal(raw.stderr, Buffer.from("\xe9\xff", "latin1").toString("utf8"));
  });

  it("beyond what a patch carries are left out of it, and named", async () => {
    const seed = ws.path("large");
    mkdirSync(seed);
    const large = Buffer.alloc(65 * 1024 * 1024, "large\n");
    for (const name of ["changed", "deleted", "moved", "kept"])
      writeFileSync(join(seed, name), large.fill(name, 0, 10));
    const { workspaceId: id } = await ws.create({ seedPath: seed });
    await ws.sh(
      id,
      "head -c 70000000 /dev/zero > new; echo more >> changed; rm deleted; mv moved away; echo x > small",
    );
    const outputPath = ws.path("large.patch");
    const { omitted } = await ws.pyro.exportWorkspacePatch(id, { outputPath });
    const reason = "larger than the 64 MiB that a patch may carry";
    assert.deepEqual(
      omitted,
      ["changed", "deleted", "new"].map((path) => ({ path, reason })),
    );
    execFileSync("git", ["-C", seed, "init", "--quiet"]);
    execFileSync("git", ["-C", seed, "apply", outputPath]);
    assert.deepEqual(readdirSync(seed).sort(), [
      ".git",
      "away",
      "changed",
      "deleted",
      "kept",
      "small",
    ]);
    assert.equal(statSync(join(seed, "away")).size, large.length);
  });

  it("show though size and time are as they were", async () => {
    const { id } = await begin("times");
    assert.deepEqual((await ws.pyro.diffWorkspace(id)).changes, []);
    await ws.sh(
      id,
      "time=$(stat -c %y text); sed -i 's/line 5$/LINE 5/' text; touch -d \"$time\" text; touch crlf; cp -p unended tmp; mv tmp unended",
    );
    const { changes } = await ws.pyro.diffWorkspace(id);
    assert.deepEqual(
      changes.map(({ path, kind }) => [path, kind]),
      [["text", "modified"]],
    );
    await ws.sh(id, "sed -i 's/LINE 5$/line 5/' text");
    assert.deepEqual((await ws.pyro.diffWorkspace(id)).changes, []);
  });

  it("show what became another kind", async () => {
    const { id } = await begin("kinds");
    await ws.sh(
      id,
      "rm text link; mkdir text; echo in > text/in; echo file > link; rm -r dir; ln -s text dir",
    );
    const { changes } = await ws.pyro.diffWorkspace(id);
    const link = changes.find(({ path }) => path === "link");
    assert.deepEqual([link?.kind, link?.type], ["type_changed", "file"]);
    assert.ok(changes.some(({ path, kind }) => path === "text/in" && kind === "added"));
    assert.ok(changes.some(({ path, kind }) => path === "dir/gone" && kind === "deleted"));
  });

  it("are made by a patch over several files, or not at all", async () => {
    const { id } = await begin("atomic");
    const good = "--- a/text\n+++ b/text\n@@ -1,2 +1,2 @@\n-line 0\n+LINE 0\n line 1\n";
    const added = "--- /dev/null\n+++ b/sub/new\n@@ -0,0 +1 @@\n+new\n";
    const removed = "--- a/dir/gone\n+++ /dev/null\n@@ -1 +0,0 @@\n-gone\n";
    const bad = "--- a/unended\n+++ b/unended\n@@ -1,2 +1,2 @@\n-no such line\n+x\n y\n";
    const before = await ws.treeDigest(id);
    const error = await refusal(
      ws.pyro.applyWorkspacePatch(id, { patch: good + added + removed + bad }),
    );
    assert.equal(error.code, "patch_conflict");
    assert.match(error.message, /unended/);
    assert.equal(await ws.treeDigest(id), before);
    for (const path of ["../out", "a/../../out", ".git/hooks/pre-commit"]) {
      const patch = `--- /dev/null\n+++ b/${path}\n@@ -0,0 +1 @@\n+x\n`;
      assert.equal(
        (await refusal(ws.pyro.applyWorkspacePatch(id, { patch }))).code,
        "patch_refused",
      );
    }
    assert.equal(
      (await refusal(ws.pyro.applyWorkspacePatch(id, { patch: "nonsense" }))).code,
      "patch_malformed",
    );
    assert.equal(await ws.treeDigest(id), before);

    const { files } = await ws.pyro.applyWorkspacePatch(id, { patch: good + added + removed });
    assert.deepEqual(files.map(({ path, kind }) => [path, kind]).sort(), [
      ["dir/gone", "deleted"],
      ["sub/new", "added"],
      ["text", "modified"],
    ]);
    assert.equal(await ws.sh(id, "head -1 text; cat sub/new; ls dir"), "LINE 0\nnew\ndeep\n");
  });

  it("are exported all or not at all, and without what must not leave", async () => {
    const { id } = await begin("export");
    await ws.sh(
      id,
      `chmod 4755 script; ln -s /etc/passwd away; ln -s ../../up upward; mkfifo pipe
       mkdir .vscode; echo '{"tasks":[]}' > .vscode/tasks.json; echo 'true' > .envrc`,
    );
    const outputPath = ws.path("out");
    const result = await ws.pyro.exportWorkspace(id, "/workspace", { outputPath });
    assert.equal(result.strippedCount, 1);
    assert.deepEqual([...result.leavingLinks].sort(), ["away", "upward"]);
    assert.deepEqual(
      result.skipped.map(({ path }) => path),
      ["pipe"],
    );
    assert.deepEqual(result.runsWhenOpened.map(({ path, isChanged }) => [path, isChanged]).sort(), [
      [".envrc", true],
      [".vscode/tasks.json", true],
    ]);
    assert.equal(statSync(join(outputPath, "script")).mode & 0o7777, 0o755);
    assert.ok(lstatSync(join(outputPath, "away")).isSymbolicLink());
    assert.equal(existsSync(join(outputPath, "pipe")), false);

    const before = hostDigest(outputPath);
    for (const target of [outputPath, join(outputPath, "text"), ws.home.directory]) {
      const error = await refusal(ws.pyro.exportWorkspace(id, "text", { outputPath: target }));
      assert.equal(error.code, "export_target_exists", target);
    }
    assert.equal(hostDigest(outputPath), before);
    const missing = await refusal(
      ws.pyro.exportWorkspace(id, "none", { outputPath: ws.path("no") }),
    );
    assert.equal(missing.code, "workspace_path_not_found");
    assert.equal(existsSync(ws.path("no")), false);
    assert.deepEqual(
      readdirSync(ws.home.directory).filter((name) => name.endsWith(".partial")),
      [],
    );

    const safe = await ws.pyro.exportWorkspace(id, "/workspace", {
      outputPath: ws.path("safe"),
      leaveOutSelfRunning: true,
    });
    assert.deepEqual(safe.runsWhenOpened, []);
    assert.deepEqual(safe.skipped.map(({ path }) => path).sort(), [
      ".envrc",
      ".vscode/tasks.json",
      "pipe",
    ]);
    assert.deepEqual(readdirSync(ws.path("safe/.vscode")), []);

    const one = await ws.pyro.exportWorkspace(id, "text", { outputPath: ws.path("one") });
    assert.deepEqual([one.entryCount, readFileSync(ws.path("one"), "utf8")], [1, lines(40)]);
  });

  it("are named by what they are called on the host, and links by what they stand for", async () => {
    const { id } = await begin("names");
    await ws.sh(
      id,
      `mkdir .vscode h .git; echo '{"tasks":[]}' > .vscode/tasks.json; echo true > h/post-checkout
       ln -s ../h .git/hooks; ln -s h .husky; echo true > notes.txt`,
    );
    const exported = async (path: string, name: string) => {
      const outputPath = ws.path(name);
      mkdirSync(dirname(outputPath), { recursive: true });
      const { runsWhenOpened } = await ws.pyro.exportWorkspace(id, path, { outputPath });
      return runsWhenOpened.map(({ path: named, runs }) => [named, runs]).sort();
    };
    assert.deepEqual(await exported(".vscode", "names/settings"), [["tasks.json", "by_itself"]]);
    assert.deepEqual(await exported("h", "names/.githooks"), [["post-checkout", "by_itself"]]);
    assert.deepEqual(await exported("notes.txt", "names/.envrc"), [["notes.txt", "by_itself"]]);
    assert.deepEqual(await exported("notes.txt", "names/Makefile"), [["notes.txt", "when_asked"]]);
    assert.deepEqual(await exported("notes.txt", "names/plain"), []);
    const links = [
      [".git/hooks", "by_itself"],
      [".husky", "by_itself"],
      [".vscode/tasks.json", "by_itself"],
    ];
    assert.deepEqual(await exported(".", "names/all"), links);
    const { runsWhenOpened } = await ws.pyro.summarizeWorkspace(id);
    assert.deepEqual(runsWhenOpened.map(({ path, runs }) => [path, runs]).sort(), links);
  });

  it("are summed up for whoever reviews them", async () => {
    const { id, seed } = await begin("review");
    await ws.sh(id, "echo more >> text; echo 'use nix' > .envrc");
    await ws.pyro.execWorkspace(id, { command: ["false"] });
    await ws.pyro.writeWorkspaceFile(id, "note", { text: "n\n" });
    await ws.pyro.pushWorkspaceSync(id, seed, { dest: "again" });
    await ws.pyro.applyWorkspacePatch(id, { patch: "--- /dev/null\n+++ b/p\n@@ -0,0 +1 @@\n+p\n" });
    await ws.pyro.createSnapshot(id, "checked");
    await ws.pyro.exportWorkspace(id, "note", { outputPath: ws.path("note") });
    const summary = await ws.pyro.summarizeWorkspace(id);
    assert.deepEqual(
      [summary.commands.map(({ exitCode }) => exitCode), summary.failedCommandCount],
      [[0, 1], 1],
    );
    const kinds = summary.events.map(({ kind }) => kind);
    for (const kind of ["file_write", "sync_push", "patch", "snapshot", "export"])
      assert.ok(kinds.includes(kind), `${kind} in ${kinds}`);
    assert.deepEqual(
      summary.snapshots.map(({ name }) => name),
      ["baseline", "checked"],
    );
    assert.deepEqual(
      summary.runsWhenOpened.map(({ path }) => path),
      [".envrc"],
    );
    assert.equal(summary.diff?.changes.find(({ path }) => path === "text")?.insertions, 1);
    await ws.pyro.resetWorkspace(id);
    const after = await ws.pyro.summarizeWorkspace(id);
    assert.deepEqual([after.commands, after.diff?.changes], [[], []]);
  });

  it("are found among 100,000 files", async () => {
    const { workspaceId: id } = await ws.create();
    const make = "for d in $(seq 100); do mkdir d$d; (cd d$d; seq 1000 | split -l 1 -a 3); done";
    await ws.sh(id, make, 600);
    const { fileCount, insertions } = await ws.pyro.diffWorkspace(id);
    assert.deepEqual([fileCount, insertions], [100_000, 100_000]);
    const { entries } = await ws.pyro.listWorkspaceFiles(id, { recursive: true });
    assert.equal(entries.length, 100_100);
  });
});
