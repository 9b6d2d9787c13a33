import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { PyroHome } from "../../support/home.ts";
import { findProcesses } from "../../support/host-processes.ts";
import { until } from "../../support/until.ts";

// What looks for leftovers must find them.

test("a process is found by its session, its open files and its environment", async () => {
  await using home = PyroHome.empty();
  mkdirSync(home.stateDirectory);
  const said = "echo ready; exec sleep 600";
  const inSession = home.startProgram(["sh", "-c", `sh -c '${said}' & wait`]);
  await inSession.said("ready");
  const ofSession = () => findProcesses({ sessions: [inSession.pid], directories: [] });
  // A shell that said it is ready may be about to become what it runs.
  await until("it sleeps", () => ofSession().some(({ command }) => command === "sleep 600"));
  const bySession = ofSession();
  const byEnvironment = findProcesses({ sessions: [], directories: [home.stateDirectory] });
  assert.deepEqual(byEnvironment, bySession);

  const opened = home.startProgram(["env", "-i", "sh", "-c", `exec 9< ${home.directory}; ${said}`]);
  await opened.said("ready");
  const byFile = findProcesses({ sessions: [], directories: [home.directory] });
  assert.ok(byFile.some(({ pid }) => pid === opened.pid));
  for (const { pid } of [...bySession, { pid: opened.pid }]) process.kill(pid, "SIGKILL");
  await home.assertNothingLeft();
});

for (const [what, place, name] of [
  ["a disk in the state directory", "stateDirectory", "disk.ext4"],
  ["a temporary file", "temporaryDirectory", "left"],
  ["a half-made file in the cache", "cacheDirectory", "images/new.0-999999999-1.partial"],
] as const)
  test(`${what} is found`, async () => {
    await using home = PyroHome.empty();
    await home.assertNothingLeft();
    const path = join(home[place], name);
    mkdirSync(join(path, ".."), { recursive: true });
    writeFileSync(path, "");
    await assert.rejects(home.assertNothingLeft(), assert.AssertionError);
  });
