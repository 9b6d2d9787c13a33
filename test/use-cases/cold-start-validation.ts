import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { checkOut, Scene, urlOf } from "./support/scene.ts";

test("a repository whose server starts on its author's machine only is found out", async () => {
  let project = "";
  await using scene = await Scene.open("cold-start-validation", (directory) => {
    project = checkOut("links", directory);
    // The author has it, Git does not.
    writeFileSync(join(project, ".env"), "LINKS_TOKEN=the author's own\n");
    return { cwd: project };
  });

  const { facts } = await scene.next("vm_list_environments");
  const listed = facts.environments as readonly { readonly environment: string }[];
  assert.ok(listed.some(({ environment }) => environment === "debian:12"));
  await scene.next("workspace_create");
  await scene.next("workspace_file_read");
  await scene.next("workspace_exec");
  await scene.next("workspace_exec");
  const missing = await scene.next("service_start");
  await scene.next("snapshot_create");
  const started = await scene.next("service_start");
  await scene.next("service_logs");
  await scene.next("service_stop");
  await assert.rejects(fetch(urlOf(started.facts)), "nothing is published any more");
  await scene.next("workspace_file_write");
  await scene.printSummary(await scene.next("workspace_summary"));
  await scene.next("workspace_export");
  const report = readFileSync(join(project, "COLD-START.md"), "utf8");
  assert.match(report, /^\| `python3 -m links` \| fails: LINKS_TOKEN/m);

  await scene.next("workspace_reset");
  const again = await scene.next("service_start");
  assert.equal(again.text, missing.text, "it fails on a new machine as well");
  await scene.next("workspace_stop");
  await scene.next("workspace_disk_list");
  await scene.next("workspace_delete");
  await scene.end();
});
