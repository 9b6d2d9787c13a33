import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { test } from "node:test";
import { isAbandoned } from "../../../src/platform/files.ts";
import {
  identifySelf,
  isAlive,
  type ProcessIdentity,
  waitUntilGone,
} from "../../../src/platform/processes.ts";

const sources = new URL("../../../src/platform/", import.meta.url).href;

/** A program in a PID namespace of its own, as in a container that shares our files. */
function inContainer(script: string) {
  const unshare = ["--pid", "--fork", "--mount-proc", "--kill-child"];
  const rights = process.getuid?.() === 0 ? [] : ["--map-root-user"];
  const program = `const processes = await import("${sources}processes.ts");
    const files = await import("${sources}files.ts");
    const say = (value) => console.log(JSON.stringify(value));
    ${script}`;
  const node = [process.execPath, "--input-type=module", "--eval", program];
  const child = spawn("unshare", [...unshare, ...rights, ...node], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  return {
    child,
    firstLine: async () => JSON.parse(String((await once(child.stdout, "data"))[0])),
  };
}

test("a process of a container is told from one of ours with its PID, and known to end", async () => {
  const { child, firstLine } = inContainer(`
    say({ identity: processes.identifySelf(), unfinished: files.temporaryNeighbour("/x/file") });
    process.stdin.resume();`);
  const { identity, unfinished } = (await firstLine()) as {
    identity: ProcessIdentity;
    unfinished: string;
  };
  assert.equal(identity.pid, 1);
  assert.equal(isAlive(identity), true);
  assert.equal(isAbandoned(unfinished), false);
  assert.equal(isAlive({ ...identity, startTicks: `${identity.startTicks}0` }), false);
  child.stdin.end();
  assert.ok(await waitUntilGone(identity, 10_000));
  assert.equal(isAbandoned(unfinished), true);
});

test("from within a container a process outside is taken to live, and is not ended", async () => {
  const outside = identifySelf();
  const { firstLine } = inContainer(`
    const outside = ${JSON.stringify(outside)};
    const refused = await processes.killProcess(outside).catch(({ code, hint }) => ({ code, hint }));
    const earlier = { ...outside, bootId: "another boot" };
    say([processes.isAlive(outside), refused.code, /on the host itself/.test(refused.hint), processes.isAlive(earlier)]);`);
  assert.deepEqual(await firstLine(), [true, "process_elsewhere", true, false]);
});
