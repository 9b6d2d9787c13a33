import assert from "node:assert/strict";
import { type ChildProcess, type SpawnOptions, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { jailArguments, jailIdentity } from "../../../src/drivers/jail.ts";
import { gateCommand } from "../../../src/drivers/jail-gate.ts";
import { populatingJail } from "../../../src/environments/populate-disk.ts";
import { identifyProcess, waitUntilGone } from "../../../src/platform/processes.ts";
import { endStrandedJails } from "../../../src/platform/stranded-jails.ts";

const startOptions: SpawnOptions = {
  env: { PATH: "/usr/bin:/bin" },
  stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"],
};

/** A jail as a machine's starter starts it, its gate still closed. */
function startMachineJail(): ChildProcess {
  const jail = jailArguments({ devices: [], infoFd: 3 });
  return spawn("bwrap", [...jail, ...gateCommand(), "/bin/true"], {
    ...jailIdentity(undefined),
    ...startOptions,
  });
}

/** A jail as disks are made in. */
function startPopulatingJail(): ChildProcess {
  const jail = populatingJail("/tmp/disk", { source: "/usr", target: "workspace" });
  return spawn("bwrap", [...jail, "sleep", "5"], startOptions);
}

/** bubblewrap's child, looked for without a pause: the moment in which it can be left behind is short. */
function childOf(pid: number): number {
  for (const end = performance.now() + 1_000; performance.now() < end; ) {
    const child = Number.parseInt(readFileSync(`/proc/${pid}/task/${pid}/children`, "latin1"), 10);
    if (child > 0) return child;
  }
  throw new Error(`${pid} has no child`);
}

async function strand(startJail: () => ChildProcess): Promise<number> {
  for (let tries = 0; tries < 200; tries++) {
    const jail = startJail();
    const pid = jail.pid ?? 0;
    const child = childOf(pid);
    process.kill(pid, "SIGKILL");
    const identity = identifyProcess(child);
    jail.stdio[4]?.destroy();
    if (identity !== undefined && !(await waitUntilGone(identity, 300))) return child;
  }
  throw new Error("every child ended with its parent");
}

for (const startJail of [startMachineJail, startPopulatingJail])
  test(`a jail whose starter was killed at the wrong moment is ended by the next, one that stands is not: ${startJail.name}`, async () => {
    const stranded = identifyProcess(await strand(startJail));
    const standing = startJail();
    const child = identifyProcess(childOf(standing.pid ?? 0));
    assert.ok(stranded !== undefined && child !== undefined);
    endStrandedJails();
    assert.ok(await waitUntilGone(stranded, 2_000));
    assert.ok(!(await waitUntilGone(child, 100)));
    standing.kill("SIGKILL");
    standing.stdio[4]?.destroy();
    if (!(await waitUntilGone(child, 300))) endStrandedJails();
    assert.ok(await waitUntilGone(child, 2_000));
  });
