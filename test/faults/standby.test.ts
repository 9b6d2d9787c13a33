import assert from "node:assert/strict";
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, describe, it, test } from "node:test";
import type { RunResult, Vm, VmExecResult, WorkspaceGc } from "../../src/index.ts";
import { identifySelf, isAlive, waitUntilGone } from "../../src/platform/processes.ts";
import { tryConnectUnix } from "../../src/platform/unix-socket.ts";
import { Standbys, standbyPaths } from "../../src/workspace/machines/standbys.ts";
import { baseEnvironment, repository } from "../support/home.ts";
import { endProcess } from "../support/host-processes.ts";
import { startProcess } from "../support/process.ts";
import { TestStandbys } from "../support/standbys.ts";
import { until } from "../support/until.ts";

const races = 1_000;
const node = [process.execPath, "--disable-warning=ExperimentalWarning"];

test(`of two processes that claim a machine at once exactly one has it, ${races} times`, async () => {
  const state = mkdtempSync(join(tmpdir(), "pyro-test-"));
  try {
    const standbys = new Standbys(state);
    mkdirSync(standbys.heldDirectory, { recursive: true });
    for (let race = 0; race < races; race++) {
      const directory = join(standbys.readyDirectory, `key.${race}`);
      mkdirSync(directory, { recursive: true });
      writeFileSync(
        standbyPaths(directory).record,
        JSON.stringify({ process: identifySelf(), pins: [] }),
      );
    }
    const program = join(repository, "test", "support", "claim-all.ts");
    const claimers = [1, 2].map(() => startProcess([...node, program, state, "key"], {}));
    const claimed = (await Promise.all(claimers.map(({ ended }) => ended))).map(
      ({ stdout, stderr, code }) => {
        assert.equal(code, 0, stderr);
        return stdout.trim().split("\n").filter(Boolean);
      },
    );
    assert.ok(
      claimed.every((names) => names.length > 0),
      `there was no race: ${claimed.map((names) => names.length)}`,
    );
    const all = claimed.flat();
    assert.equal(all.length, races);
    assert.equal(new Set(all).size, races);
    assert.deepEqual(readdirSync(standbys.readyDirectory), []);
  } finally {
    rmSync(state, { recursive: true, force: true });
  }
});

let place: TestStandbys;
before(async () => {
  place = await TestStandbys.open();
});
after(() => place[Symbol.asyncDispose]());

/** One call of the SDK in a process of its own. */
const call = async <T>(method: string, given: readonly unknown[], env = {}) => {
  const program = join(repository, "test", "support", "pyro-vm.ts");
  const command = [...node, program, method, JSON.stringify(given)];
  const { stdout, stderr, signal } = await place.home.startProgram(command, { env }).ended;
  if (signal !== null) return { signal };
  const { result, error } = JSON.parse(stdout || "{}") as { result?: T; error?: unknown };
  assert.ok(result, `${method}: ${JSON.stringify(error)} ${stderr}`);
  return { signal, result };
};
const dies = async (point: string, method: string, given: readonly unknown[]) => {
  const { signal } = await call(method, given, { PYRO_FAULT: `${point}:kill` });
  assert.equal(signal, "SIGKILL", `${method} passed ${point}`);
};

describe("a machine that waits and is claimed", () => {
  afterEach(() => place.endAll());

  for (const point of ["standby.claimed", "standby.attached"])
    it(`ends with a run that is killed at ${point}`, async () => {
      await place.keep();
      const { record } = place.only;
      await dies(point, "runInVm", [{ environment: baseEnvironment, command: ["true"] }]);
      assert.ok(await waitUntilGone(record.process, 20_000));
      await place.assertNothingHeld();
    });

  it("ends with a run that is killed while its command runs", async () => {
    await place.keep();
    const { record } = place.only;
    const run = place.home.start(["run", baseEnvironment, "--", "sh", "-c", "echo on; sleep 60"]);
    await run.said("on\n");
    assert.ok(isAlive(record.process));
    await run.kill();
    assert.ok(await waitUntilGone(record.process, 20_000));
    await place.assertNothingHeld();
  });

  for (const point of [
    "standby.claimed",
    "standby.attached",
    "standby.recorded",
    "standby.disk-moved",
    "standby.moved",
    "start.started",
  ])
    it(`is no VM's whose start is killed at ${point}, and that starts afterwards`, async () => {
      const created = (await call<Vm>("createVm", [{ environment: baseEnvironment }])).result;
      assert.ok(created);
      await place.keep();
      const { record } = place.only;
      await dies(point, "startVm", [created.vmId]);
      const started = (await call<Vm>("startVm", [created.vmId])).result;
      assert.equal(started?.state, "started");
      assert.ok(await waitUntilGone(record.process, 20_000));
      const ran = await call<VmExecResult>("execVm", [
        created.vmId,
        { command: ["sh", "-c", "hostname"] },
      ]);
      assert.equal(ran.result?.stdout, `${created.vmId}\n`);
      await place.assertNothingHeld();
    });
});

describe("a machine that waits, and whoever keeps it,", () => {
  afterEach(() => place.endAll());

  for (const point of ["standby.started", "standby.warmed"])
    it(`is none whose keeper is killed at ${point}`, async () => {
      await dies(point, "turnStandbysOn", [{ environment: baseEnvironment }]);
      await place.assertNothingHeld();
      assert.equal(place.waiting.length, 0);
    });

  it("outlives its keeper", async () => {
    await dies("standby.ready", "turnStandbysOn", [{ environment: baseEnvironment }]);
    assert.equal((await place.run(["true"])).isClaimed, true);
  });

  it("that has died costs the next command nothing but the time of another start", async () => {
    await place.keep();
    endProcess(place.only.record.process.pid);
    const { code, isClaimed, stderr } = await place.run(["true"]);
    assert.deepEqual([code, isClaimed], [0, false], stderr);
    assert.equal(place.waiting.length, 0);
  });

  it("that dies while it is claimed is replaced without a word", async () => {
    await place.keep();
    const { record } = place.only;
    const given = [{ environment: baseEnvironment, command: ["echo", "here"] }];
    const run = call<RunResult>("runInVm", given, { PYRO_FAULT: "standby.claimed:stall" });
    await until("it is claimed", () => place.waiting.length === 0);
    endProcess(record.process.pid);
    const { result } = await run;
    assert.deepEqual([result?.exitCode, result?.stdout, result?.stderr], [0, "here\n", ""]);
  });

  it("that somebody else speaks to is not waited for", async () => {
    await place.keep();
    const { name } = place.only;
    const { sockets } = standbyPaths(join(place.host.standbys.readyDirectory, name));
    // One is heard, the others fill the queue.
    const speakers = await Promise.all(
      [1, 2, 3].map(() => tryConnectUnix(join(sockets, "channel.sock"))),
    );
    const { code, isClaimed, stderr } = await place.run(["true"]);
    assert.deepEqual([code, isClaimed], [0, false], stderr);
    for (const speaker of speakers) speaker?.destroy();
  });

  it("whose guardian was killed is gone, and what is left of it goes with the next look", async () => {
    await place.keep();
    const { record } = place.only;
    endProcess(guardianOf(record.process.pid));
    assert.ok(await waitUntilGone(record.process, 20_000));
    assert.deepEqual(place.host.standbys.count(), { waiting: 0, stale: 1 });
    const gc = await call<WorkspaceGc>("gcWorkspaces", []);
    assert.equal(gc.result?.sweptDirectories, 1);
    assert.deepEqual(place.host.standbys.count(), { waiting: 0, stale: 0 });
  });

  it("ends when its template is replaced, and is nobody's until then", async () => {
    await place.keep();
    const { record } = place.only;
    const [memory] = record.pins;
    assert.ok(memory);
    // What a write to it would show, without one.
    utimesSync(memory.path, new Date(0), new Date(0));
    const { code, isClaimed } = await place.run(["true"]);
    assert.deepEqual([code, isClaimed], [0, false]);
    await until("it has ended", () => !isAlive(record.process));
  });

  it("ends when nobody wants it for long", async () => {
    await place.keep({ idleSeconds: 1 });
    await until("it has ended by itself", () => place.waiting.length === 0);
  });

  it("is not started where there is too little memory or disk, and says so", async () => {
    const plenty = 2 ** 50;
    assert.match(
      (await place.keep({ floors: { memoryFloorBytes: plenty, diskFloorBytes: 0 } })) ?? "",
      /^The host has \d+ MiB of memory left, and standbys leave it 1073741824 MiB\.$/,
    );
    assert.match(
      (await place.keep({ floors: { memoryFloorBytes: 0, diskFloorBytes: plenty } })) ?? "",
      /MiB of disk left/,
    );
    assert.equal(place.waiting.length, 0);
  });

  it("is one of a keeper's last wish alone", async () => {
    await place.keep();
    const { record } = place.only;
    await place.keep({ spec: { ...record, memMib: 512 } });
    assert.equal(place.only.record.memMib, 512);
    await place.keep({ keeper: "other" });
    assert.equal(place.waiting.length, 2);
    assert.equal(isAlive(record.process), false);
  });
});

/** Of the first process of a jail: bubblewrap is its parent, and has another. */
function guardianOf(monitor: number): number {
  const parentOf = (pid: number) =>
    Number(/^PPid:\s*(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]);
  return parentOf(parentOf(monitor));
}
