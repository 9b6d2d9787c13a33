import assert from "node:assert/strict";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { hostDigest, pack, Scene } from "./support/scene.ts";

test("a hostile installer is read, run and found out without touching the host", async () => {
  let incoming = "";
  let home = "";
  await using scene = await Scene.open("inspect-untrusted-code", (directory) => {
    // Whoever runs the server has a key, too.
    home = directory;
    mkdirSync(join(home, ".ssh"));
    writeFileSync(join(home, ".ssh", "id_ed25519"), "the user's own\n");
    incoming = join(directory, "incoming");
    mkdirSync(incoming);
    pack("line-counter", join(incoming, "line-counter.tar.gz"));
    return { cwd: incoming, args: ["--allow-path", incoming] };
  });
  const before = hostDigest(incoming);

  await scene.next("workspace_create");
  await scene.next("workspace_file_list");
  await scene.next("workspace_file_read");
  await scene.next("workspace_exec");
  const hidden = await scene.next("workspace_exec");
  assert.match(
    hidden.text,
    /https:\/\/collect\.example\/u/,
    "what it hides is read before it runs",
  );
  await scene.next("workspace_file_write");
  await scene.next("workspace_exec");
  await scene.next("workspace_diff");
  const stolen = await scene.next("workspace_exec");
  assert.doesNotMatch(stolen.text, /the user's own/);
  await scene.printSummary(await scene.next("workspace_summary"));

  assert.equal(hostDigest(incoming), before, "nothing is unpacked on the host");
  assert.ok(!existsSync(join(home, ".profile")) && !existsSync(join(home, "bin")));
  await scene.next("workspace_delete");
  await scene.end();
});
