import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Behaviour } from "../behaviour.ts";
import type { Place } from "../place.ts";

const look =
  "find . -printf '%P %y %m %l\\n' | sort; find . -type f -print0 | sort -z | xargs -0 sha256sum";

/** Files into a workspace, out of it, and back to what they were. */
export const trees: readonly Behaviour[] = [
  {
    name: "a seed arrives as it is",
    async hold(place) {
      const seedPath = seed(place, "seed");
      const { workspaceId: id } = await place.create({ seedPath });
      const onHost = execFileSync("sh", ["-c", look], { cwd: seedPath, encoding: "utf8" });
      assert.deepEqual(withoutRoot(await place.sh(id, look)), withoutRoot(onHost));
      await place.pyro.deleteWorkspace(id);
    },
  },
  {
    name: "files are written, read, listed, pushed and exported",
    async hold(place) {
      const id = await place.shared();
      const text = randomBytes(300_000);
      await place.pyro.writeWorkspaceFile(id, "a/b/file", { text });
      const digest = createHash("sha256").update(text).digest("hex");
      assert.match(await place.sh(id, "sha256sum a/b/file"), new RegExp(`^${digest}`));
      await place.sh(id, "echo from inside > a/small");
      assert.equal((await place.pyro.readWorkspaceFile(id, "a/small")).text, "from inside\n");
      await place.pyro.pushWorkspaceSync(id, seed(place, "pushed"), { dest: "pushed" });
      const { entries } = await place.pyro.listWorkspaceFiles(id, { recursive: true });
      const names = entries.map(({ path }) => path);
      for (const name of ["/workspace/a/b/file", "/workspace/pushed/deep/binary"])
        assert.ok(names.includes(name), `${name} is not among ${names}`);
      await place.pyro.exportWorkspace(id, "a", { outputPath: place.path("exported") });
      assert.deepEqual(readFileSync(place.path("exported/b/file")), text);
      await place.sh(id, "rm -r a pushed");
    },
  },
  {
    name: "a diff is what git applies, and a patch is applied",
    async hold(place) {
      const seedPath = seed(place, "diffed");
      const { workspaceId: id } = await place.create({ seedPath });
      await place.pyro.applyWorkspacePatch(id, {
        patch: "--- a/text\n+++ b/text\n@@ -1,2 +1,2 @@\n line 0\n-line 1\n+LINE 1\n",
      });
      await place.sh(id, "rm deep/binary; echo new > new; chmod 755 plain; ln -sf plain link");
      const { changes, diff } = await place.pyro.diffWorkspace(id);
      assert.deepEqual(
        changes.map(({ path, kind }) => `${path} ${kind}`),
        [
          "deep/binary deleted",
          "link modified",
          "new added",
          "plain mode_changed",
          "text modified",
        ],
      );
      assert.match(diff, /^-line 1\n\+LINE 1$/m);
      const patchPath = place.path("changes.diff");
      await place.pyro.exportWorkspacePatch(id, { outputPath: patchPath });
      execFileSync("git", ["init", "--quiet", seedPath]);
      execFileSync("git", ["-C", seedPath, "apply", "--whitespace=nowarn", patchPath]);
      assert.equal(readFileSync(join(seedPath, "text"), "utf8").split("\n")[1], "LINE 1");
      assert.equal(statSync(join(seedPath, "plain")).mode & 0o777, 0o755);
      await place.pyro.deleteWorkspace(id);
    },
  },
  {
    name: "a snapshot brings everything back",
    seconds: 120,
    async hold(place) {
      const { workspaceId: id } = await place.create({ seedPath: seed(place, "snapped") });
      await place.sh(id, "head -c 3000000 /dev/urandom > random; echo one > state");
      const before = await place.sh(id, look);
      await place.pyro.createSnapshot(id, "kept");
      await place.sh(id, "rm -r deep random; echo two > state; mkdir more");
      await place.pyro.resetWorkspace(id, { snapshot: "kept" });
      assert.equal(await place.sh(id, look), before);
      await place.pyro.resetWorkspace(id);
      assert.equal((await place.exec(id, "test -e state")).exitCode, 1);
      await place.pyro.deleteWorkspace(id);
    },
  },
  {
    name: "the disk of a stopped workspace is listed, read and exported",
    seconds: 180,
    async hold(place) {
      const { workspaceId: id } = await place.create();
      await place.sh(id, "echo inside > /workspace/a; echo outside > /root/b");
      await place.pyro.stopWorkspace(id);
      const { entries } = await place.pyro.listWorkspaceDisk(id);
      assert.deepEqual(
        entries.map(({ path }) => path),
        ["/workspace/a"],
      );
      assert.equal((await place.pyro.readWorkspaceDisk(id, "/root/b")).text, "outside\n");
      const outputPath = place.path("disk.img");
      await place.pyro.exportWorkspaceDisk(id, { outputPath });
      const kind = execFileSync("dumpe2fs", ["-h", outputPath], {
        encoding: "utf8",
        stdio: "pipe",
      });
      assert.match(kind, /Filesystem state:\s+clean/);
      await place.pyro.deleteWorkspace(id);
    },
  },
];

function seed(place: Place, name: string): string {
  const directory = place.path(name);
  mkdirSync(join(directory, "deep", "empty"), { recursive: true });
  writeFileSync(
    join(directory, "text"),
    Array.from({ length: 50 }, (_, at) => `line ${at}\n`).join(""),
  );
  writeFileSync(join(directory, "plain"), "#!/bin/sh\n", { mode: 0o644 });
  writeFileSync(join(directory, "deep", "binary"), Buffer.alloc(70_000, "\0\u00ff\n"));
  symlinkSync("text", join(directory, "link"));
  return directory;
}

/** The mode of the directory itself is the workspace's own. */
function withoutRoot(listing: string): string[] {
  return listing.split("\n").filter((line) => !line.startsWith(" d "));
}
