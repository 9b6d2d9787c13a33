import assert from "node:assert/strict";
import { test } from "node:test";
import { checkOut, hostDigest, Scene } from "./support/scene.ts";

test("two candidates are judged by what their servers answer", async () => {
  let project = "";
  await using scene = await Scene.open("review-and-evaluation", (directory) => {
    project = checkOut("links", directory);
    return { cwd: project };
  });
  const before = hostDigest(project);

  await scene.next("workspace_create");
  await scene.next("workspace_exec");
  await scene.next("snapshot_create");

  await scene.next("workspace_patch_apply");
  await scene.next("workspace_exec");
  await scene.next("service_start");
  await scene.next("service_stop");
  await scene.next("service_logs");
  await scene.printSummary(await scene.next("workspace_summary"));
  await scene.next("snapshot_create");
  await scene.next("workspace_reset");

  await scene.next("workspace_patch_apply");
  await scene.next("workspace_exec");
  await scene.next("service_start");
  await scene.next("service_stop");
  await scene.next("workspace_diff");
  await scene.printSummary(await scene.next("workspace_summary"));
  await scene.next("workspace_stop");
  await scene.next("workspace_disk_read");

  assert.equal(hostDigest(project), before, "a review changes nothing");
  await scene.next("workspace_delete");
  await scene.end();
});
