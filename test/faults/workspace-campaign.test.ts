import assert from "node:assert/strict";
import { test } from "node:test";
import { PyroHome, repository } from "../support/home.ts";

// A slice of `make campaign`, which does the same some hundred times.
test("nothing acknowledged is lost, nothing untrue told and nothing stuck after kills and full disks at any moment", async () => {
  await using home = await PyroHome.warm();
  const { stdout, stderr, code } = await home.startProgram([
    ...[process.execPath, "--disable-warning=ExperimentalWarning"],
    ...[`${repository}/tools/campaign.ts`, "8", "3"],
  ]).ended;
  assert.equal(code, 0, `${stdout}\n${stderr}`);
});
