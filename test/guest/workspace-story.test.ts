import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, afterEach, before, describe, it } from "node:test";
import { repository } from "../support/home.ts";
import { hostDigest, TestWorkspaces } from "../support/workspaces.ts";

const environment = "debian:12";
const fixture = join(repository, "test", "support", "fixtures", "inventory");
const test = ["python3", "-B", "-m", "unittest", "-q"];

const fix = `--- a/inventory/stock.py
+++ b/inventory/stock.py
@@ -23,7 +23,7 @@ class Stock:
         return self._items.get(name, (0, 0))[0]
 
     def value(self):
-        return sum(price for _, price in self._items.values())
+        return sum(count * price for count, price in self._items.values())
 
     def names(self):
         return sorted(name for name, (count, _) in self._items.items() if count > 0)
`;
const note = "def test_note():\n    pass\n";

describe("a failing program is mended", () => {
  let ws: TestWorkspaces;
  before(async () => {
    ws = await TestWorkspaces.open();
    await ws.home.pull(environment);
  });
  afterEach(() => ws.assertNothingLeft());
  after(() => ws[Symbol.asyncDispose]());

  /** The program as somebody has it, in a directory of the test's own. */
  const checkOut = (name: string) => {
    const directory = ws.path(name);
    cpSync(fixture, directory, { recursive: true });
    execFileSync("git", ["init", "--quiet", directory]);
    return directory;
  };
  const apply = (directory: string, patch: string) =>
    execFileSync("git", ["-C", directory, "apply", "--whitespace=nowarn", patch]);
  const outcome = (text: string) => /^(OK|FAILED .*)$/m.exec(text)?.[1];

  it("by the SDK, though its supervisor is killed twice", async () => {
    const source = checkOut("by-sdk");
    const { pyro } = ws;
    const { workspaceId: id } = await pyro.createWorkspace({
      environment,
      seedPath: source,
      name: "fix",
    });
    const failing = await pyro.execWorkspace(id, { command: test });
    assert.deepEqual([failing.exitCode, outcome(failing.stderr)], [1, "FAILED (failures=2)"]);

    const { files } = await pyro.applyWorkspacePatch(id, { patch: fix });
    assert.deepEqual(
      files.map(({ path, kind, notes }) => [path, kind, notes]),
      [["inventory/stock.py", "modified", []]],
    );
    await ws.killSupervisor(id);
    const passing = await pyro.execWorkspace(id, { command: test });
    assert.deepEqual([passing.exitCode, outcome(passing.stderr)], [0, "OK"]);

    await pyro.writeWorkspaceFile(id, "tests/test_more.py", { text: note });
    const diff = await pyro.diffWorkspace(id);
    assert.deepEqual(
      diff.changes.map(({ path, kind, insertions, deletions }) => [
        path,
        kind,
        insertions,
        deletions,
      ]),
      [
        ["inventory/stock.py", "modified", 1, 1],
        ["tests/test_more.py", "added", 2, 0],
      ],
    );
    await pyro.createSnapshot(id, "green");

    await ws.sh(id, "rm -rf inventory; echo broken > tests/test_stock.py; echo more > NEW");
    await ws.killSupervisor(id);
    assert.equal((await pyro.diffWorkspace(id)).fileCount, 6);
    const reset = await pyro.resetWorkspace(id, { snapshot: "green" });
    assert.deepEqual([reset.resetCount, reset.state], [1, "started"]);
    assert.equal((await pyro.diffWorkspace(id)).diff, diff.diff);

    const outputPath = ws.path("sdk.patch");
    await pyro.exportWorkspacePatch(id, { outputPath });
    apply(source, outputPath);
    const whole = ws.path("sdk-exported");
    const exported = await pyro.exportWorkspace(id, "/workspace", { outputPath: whole });
    assert.equal(hostDigest(whole), hostDigest(source), "the patch is all that differed");
    assert.ok(exported.runsWhenOpened.every(({ isChanged }) => !isChanged));
    const summary = await pyro.summarizeWorkspace(id);
    assert.deepEqual(
      [summary.diff?.fileCount, summary.snapshots.map(({ name }) => name)],
      [2, ["baseline", "green"]],
    );
  });

  it("by the command line, though its supervisor is killed twice", async () => {
    const source = checkOut("by-cli");
    const cli = (...args: string[]) => ws.home.pyro(["workspace", ...args]);
    const done = async (...args: string[]) => {
      const ended = await cli(...args);
      assert.equal(ended.code, 0, `${args.join(" ")}: ${ended.stderr}`);
      return ended.stdout;
    };
    const id = (
      await done("create", environment, "--seed-path", source, "--name", "fix", "--id-only")
    ).trim();
    const failing = await cli("exec", "fix", "--", ...test);
    assert.deepEqual([failing.code, outcome(failing.stderr)], [1, "FAILED (failures=2)"]);
    const patch = ws.path("fix.patch");
    writeFileSync(patch, fix);
    await done("patch", "apply", "fix", "--patch-file", patch);
    await ws.killSupervisor(id);
    const passing = await cli("exec", "fix", "--", ...test);
    assert.deepEqual([passing.code, outcome(passing.stderr)], [0, "OK"]);
    await done("file", "write", "fix", "tests/test_more.py", "--text", note);
    const diff = await done("diff", "fix");
    assert.match(diff, /^\+ {8}return sum\(count \* price for count, price/m);
    assert.equal(
      await done("diff", "fix", "--name-only"),
      "inventory/stock.py\ntests/test_more.py\n",
    );
    await done("snapshot", "create", "fix", "green");
    await done("exec", "fix", "--", "sh", "-c", "rm -rf inventory; echo more > NEW");
    await ws.killSupervisor(id);
    await done("reset", "fix", "--snapshot", "green");
    assert.equal(await done("diff", "fix"), diff);
    const exportedPatch = ws.path("cli.patch");
    await done("export", "fix", "--patch", exportedPatch);
    apply(source, exportedPatch);
    assert.match(readFileSync(join(source, "inventory", "stock.py"), "utf8"), /count \* price/);
    const whole = ws.path("cli-exported");
    await done("export", "fix", "/workspace", "--output", whole);
    assert.equal(hostDigest(whole), hostDigest(source));
    assert.match(await done("summary", "fix"), /green/);
    await done("delete", "fix");
  });
});
