import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { availableParallelism } from "node:os";
import { it } from "node:test";
import { standingOf } from "../../../src/preloaded/standing.ts";

/** What a process started in this way is taken to be, beside what we are. */
async function standingBehind(...prefix: string[]): Promise<string> {
  const [program = "", ...args] = [...prefix, "sh", "-c", "echo; exec sleep 100"];
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "ignore"] });
  try {
    await once(child.stdout, "data");
    return standingOf(child.pid ?? 0);
  } finally {
    child.kill("SIGKILL");
  }
}

it("a process that was started as we were may do what we may", async () => {
  assert.equal(await standingBehind(), standingOf(process.pid));
});

for (const prefix of [
  ["setpriv", "--no-new-privs"],
  ["nice"],
  ["taskset", "--cpu-list", "0"],
  ["prlimit", "--cpu=1000"],
  ["unshare", "--user", "--map-current-user"],
  ["unshare", "--user", "--map-current-user", "--mount"],
  ["unshare", "--user", "--map-current-user", "--net"],
])
  it(`one behind ${prefix.join(" ")} is another`, {
    skip: prefix[0] === "taskset" && availableParallelism() === 1 && "there is one processor",
  }, async () => {
    assert.notEqual(await standingBehind(...prefix), standingOf(process.pid));
  });
