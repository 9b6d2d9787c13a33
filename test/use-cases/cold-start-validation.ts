import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { checkOut, Scene } from "./support/scene.ts";

test("a repository that works on its author's machine only is found out", async () => {
  let project = "";
  await using scene = await Scene.open("cold-start-validation", (directory) => {
    project = checkOut("durations", directory);
    // The author has it, Git does not.
    mkdirSync(join(project, "config"));
    writeFileSync(join(project, "config", "local.ini"), "[output]\nunit = seconds\n");
    return { cwd: project };
  });

  const { facts } = await scene.next("vm_list_environments");
  const listed = facts.environments as readonly { readonly environment: string }[];
  assert.ok(listed.some(({ environment }) => environment === "debian:12"));
  await scene.next("workspace_create");
  await scene.next("workspace_file_read");
  await scene.next("workspace_exec");
  await scene.next("workspace_exec");
  const missing = await scene.next("workspace_exec");
  await scene.next("snapshot_create");
  await scene.next("workspace_file_write");
  await scene.next("workspace_exec");
  await scene.next("workspace_file_write");
  await scene.printSummary(await scene.next("workspace_summary"));
  await scene.next("workspace_export");
  const report = readFileSync(join(project, "COLD-START.md"), "utf8");
  assert.match(report, /^\| `bin\/durations 1h30m` \| fails: config\/local\.ini/m);

  await scene.next("workspace_reset");
  const again = await scene.next("workspace_exec");
  assert.equal(again.facts.exit_code, missing.facts.exit_code, "it fails on a new machine as well");
  await scene.next("workspace_delete");
  await scene.end();
});
