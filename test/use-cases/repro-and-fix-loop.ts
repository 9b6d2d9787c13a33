import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { renameSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { checkOut, hostDigest, Scene } from "./support/scene.ts";

test("a bug is reproduced, mended and proven away from the checkout", async () => {
  let project = "";
  await using scene = await Scene.open("repro-and-fix-loop", (directory) => {
    project = checkOut("durations", directory);
    return { cwd: project };
  });
  const before = hostDigest(project);

  await scene.next("workspace_create");
  await scene.next("workspace_exec");
  await scene.next("workspace_file_read");
  await scene.next("workspace_patch_apply");
  await scene.next("workspace_exec");
  await scene.next("workspace_reset");
  await scene.next("workspace_patch_apply");
  const failing = await scene.next("workspace_exec");
  await scene.next("workspace_patch_apply");
  const passing = await scene.next("workspace_exec");
  assert.deepEqual([failing.facts.exit_code, passing.facts.exit_code], [1, 0]);
  await scene.next("workspace_diff");
  await scene.printSummary(await scene.next("workspace_summary"));

  assert.equal(hostDigest(project), before, "the checkout is untouched until somebody agrees");
  await scene.next("workspace_export");
  const source = join(project, "durations", "__init__.py");
  renameSync(`${source}.mended`, source);
  execFileSync("python3", ["-B", "-m", "unittest", "-q"], { cwd: project, stdio: "pipe" });

  await scene.next("workspace_delete");
  await scene.end();
});
