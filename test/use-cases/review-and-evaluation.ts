import assert from "node:assert/strict";
import { test } from "node:test";
import { checkOut, hostDigest, Scene } from "./support/scene.ts";

test("two candidates are judged by checks they have never seen", async () => {
  let project = "";
  await using scene = await Scene.open("review-and-evaluation", (directory) => {
    project = checkOut("durations", directory);
    return { cwd: project };
  });
  const before = hostDigest(project);

  await scene.next("workspace_create");
  await scene.next("workspace_exec");
  await scene.next("snapshot_create");

  const evaluate = async () => {
    await scene.next("workspace_patch_apply");
    const own = await scene.next("workspace_exec");
    const ours = await scene.next("workspace_exec");
    return [own.facts.exit_code, ours.facts.exit_code];
  };
  assert.deepEqual(await evaluate(), [0, 1], "passes its own tests only");
  await scene.printSummary(await scene.next("workspace_summary"));
  await scene.next("snapshot_create");
  await scene.next("workspace_reset");
  assert.deepEqual(await evaluate(), [0, 0]);
  await scene.next("workspace_diff");
  await scene.printSummary(await scene.next("workspace_summary"));

  assert.equal(hostDigest(project), before, "a review changes nothing");
  await scene.next("workspace_delete");
  await scene.end();
});
