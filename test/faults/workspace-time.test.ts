import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { after, afterEach, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { Workspace } from "../../src/index.ts";
import { identifyProcess } from "../../src/platform/processes.ts";
import { baseEnvironment } from "../support/home.ts";
import { findSupervisors } from "../support/host-processes.ts";
import { assertNoProcessLeft } from "../support/oracle.ts";
import { until } from "../support/until.ts";
import { killProcess, refusal, TestWorkspaces } from "../support/workspaces.ts";

const ttlSeconds = 5;
const lateMsMax = 10_000;

describe("a workspace whose time is over", () => {
  let place: TestWorkspaces;
  before(async () => {
    place = await TestWorkspaces.open();
  });
  afterEach(() => place.assertNothingLeft());
  after(() => place[Symbol.asyncDispose]());

  /** Made by a process that is gone by now, with its supervisor at work. */
  const createElsewhere = async () => {
    const options = { environment: baseEnvironment, ttlSeconds };
    const { result, error } = await place.answer<Workspace>("createWorkspace", [options]);
    assert.ok(result, JSON.stringify(error));
    const { workspaceId } = result;
    await until("it is supervised", () =>
      existsSync(`${place.directory(workspaceId)}/supervisor.sock`),
    );
    return result;
  };
  /** No process of it is left, soon after its time. */
  const assertEnds = async ({ expiresAt }: Workspace) => {
    await assertNoProcessLeft({ sessions: [], directories: [place.home.stateDirectory] });
    const lateMs = Date.now() - Date.parse(expiresAt ?? "");
    assert.ok(lateMs > -1_000 && lateMs < lateMsMax, `${lateMs} ms late`);
  };

  it("is gone with all its files though no pyro runs", async () => {
    const workspace = await createElsewhere();
    await assertEnds(workspace);
    assert.equal(existsSync(place.directory(workspace.workspaceId)), false);
    assert.equal(place.row(workspace.workspaceId), undefined);
    const { code } = await refusal(place.pyro.statusWorkspace(workspace.workspaceId));
    assert.equal(code, "expired");
  });

  it("ends though its supervisor was killed, and the next call says so and sweeps it", async () => {
    const workspace = await createElsewhere();
    await place.killSupervisor(workspace.workspaceId);
    await assertEnds(workspace);
    const { code } = await refusal(
      place.pyro.execWorkspace(workspace.workspaceId, { command: ["true"] }),
    );
    assert.equal(code, "expired");
    assert.equal(existsSync(place.directory(workspace.workspaceId)), false);
  });

  it("ends though its monitor hangs, with a supervisor and without", async () => {
    for (const isSupervised of [true, false]) {
      const workspace = await createElsewhere();
      process.kill(place.monitor(workspace.workspaceId), "SIGSTOP");
      if (!isSupervised) await place.killSupervisor(workspace.workspaceId);
      await assertEnds(workspace);
      const { code } = await refusal(place.pyro.statusWorkspace(workspace.workspaceId));
      assert.equal(code, "expired");
    }
  });

  for (const point of ["delete.recorded", "delete.killed", "delete.removed"])
    it(`is gone for good when its supervisor dies at ${point} of its end`, async () => {
      const options = { environment: baseEnvironment, ttlSeconds };
      const env = { PYRO_FAULT: `${point}:kill` };
      const { result } = await place.answer<Workspace>("createWorkspace", [options], env);
      assert.ok(result);
      await until("the supervisor died", () => {
        const isOver = Date.now() > Date.parse(result.expiresAt ?? "");
        return isOver && findSupervisors(result.workspaceId).length === 0;
      });
      // A process that was killed keeps its lock for a moment after it has left the list of processes.
      let code = "";
      await until("the next call finishes what it began", async () => {
        const asked = place.pyro.statusWorkspace(result.workspaceId);
        code = await asked.then(
          () => "",
          (error: { code: string }) => error.code,
        );
        return code !== "";
      });
      assert.ok(["expired", "workspace_not_found"].includes(code), code);
      assert.deepEqual(place.monitors(), []);
    });

  it("never runs a command that is not told its end: it completes or is refused", async () => {
    const workspaces = await Promise.all([1, 2].map(() => place.create({ ttlSeconds })));
    await Promise.all(
      workspaces.map(async ({ workspaceId }) => {
        for (;;) {
          const outcome = await place.pyro
            .execWorkspace(workspaceId, { command: ["sh", "-c", "echo whole"], timeoutSeconds: 10 })
            .then(
              ({ stdout, exitCode }) => `${exitCode} ${stdout}`,
              (error: { code: string }) => error.code,
            );
          if (outcome === "0 whole\n") continue;
          const codes = ["expired", "workspace_lost", "workspace_not_found", "workspace_busy"];
          assert.ok([...codes, "guest_lost"].includes(outcome), outcome);
          if (outcome === "expired") return;
          await sleep(20);
        }
      }),
    );
  });

  it("does not take a newer workspace of its name along", async () => {
    await place.create({ name: "again", ttlSeconds: 2 });
    let second: Workspace | undefined;
    await until("the name is free", async () => {
      second = await place.create({ name: "again" }).catch(() => undefined);
      return second !== undefined;
    });
    await sleep(1_000);
    assert.equal((await place.pyro.statusWorkspace("again")).workspaceId, second?.workspaceId);
    await place.assertAgree();
  });
});

describe("a registry that names a process which is not the workspace's", () => {
  let place: TestWorkspaces;
  let stranger: ChildProcess;
  const id = "mistaken";
  before(async () => {
    place = await TestWorkspaces.open();
    stranger = spawn("sleep", ["600"], { stdio: "ignore" });
    await place.create({ name: id });
    await place.sh(id, "echo kept > file; sync");
  });
  after(async () => {
    stranger.kill("SIGKILL");
    await place.assertNothingLeft();
    await place[Symbol.asyncDispose]();
  });

  /** The machine and its supervisor end as with the host, and the row then names somebody else. */
  const mistake = async (columns: { pid: number; start_ticks?: string; boot_id?: string }) => {
    await place.killSupervisor(id);
    await killProcess(place.monitor(id));
    const names = Object.keys(columns).map((name) => `${name} = ?`);
    place.sql(`UPDATE workspaces SET ${names} WHERE name = ?`, ...Object.values(columns), id);
  };
  const assertFailed = async (failure: string) => {
    const { state, failure: why } = await place.pyro.statusWorkspace(id);
    assert.deepEqual([state, why], ["failed", failure]);
    assert.equal((await place.pyro.startWorkspace(id)).state, "started");
    assert.equal(await place.sh(id, "cat file"), "kept\n");
    await place.assertAgree();
  };
  const lives = (pid: number) => identifyProcess(pid) !== undefined;

  it("fails and leaves a process with its number alone", async () => {
    await mistake({ pid: stranger.pid ?? 0 });
    await assertFailed("its virtual machine monitor ended unexpectedly");
    assert.ok(lives(stranger.pid ?? 0));
  });

  it("fails and leaves another workspace's monitor alone", async () => {
    const other = await place.create();
    const bootId = await place.bootId(other.workspaceId);
    await mistake({ pid: place.monitor(other.workspaceId) });
    await assertFailed("its virtual machine monitor ended unexpectedly");
    assert.equal(await place.bootId(other.workspaceId), bootId);
    await place.pyro.deleteWorkspace(other.workspaceId);
  });

  it("says that the host was restarted, keeps the disk and signals nobody", async () => {
    const startTicks = identifyProcess(stranger.pid ?? 0)?.startTicks ?? "";
    const boot_id = "00000000-0000-4000-8000-000000000000";
    await mistake({ pid: stranger.pid ?? 0, start_ticks: startTicks, boot_id });
    await assertFailed("the host was restarted");
    assert.ok(lives(stranger.pid ?? 0));
  });

  for (const work of ["delete", "reset", "stop"] as const)
    it(`signals nobody else in a ${work}`, async () => {
      const { workspaceId } = await place.create();
      await place.killSupervisor(workspaceId);
      await killProcess(place.monitor(workspaceId));
      place.sql(
        "UPDATE workspaces SET pid = ? WHERE workspace_id = ?",
        stranger.pid ?? 0,
        workspaceId,
      );
      if (work === "delete") await place.pyro.deleteWorkspace(workspaceId);
      if (work === "reset") await place.pyro.resetWorkspace(workspaceId);
      if (work === "stop")
        assert.equal(
          (await refusal(place.pyro.stopWorkspace(workspaceId))).code,
          "workspace_state_conflict",
        );
      assert.ok(lives(stranger.pid ?? 0));
      await place.pyro.deleteWorkspace(workspaceId);
      assert.ok(lives(stranger.pid ?? 0));
    });
});
