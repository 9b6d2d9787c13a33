import assert from "node:assert/strict";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import type { SnapshotList, Workspace, WorkspaceDeleted } from "../../src/index.ts";
import { baseEnvironment } from "../support/home.ts";
import { until } from "../support/until.ts";
import {
  hostDigest,
  killProcess,
  refusal,
  TestWorkspaces,
  writeTree,
} from "../support/workspaces.ts";

describe("a pyro process that is killed while it creates or deletes a workspace", () => {
  let place: TestWorkspaces;
  let seedPath: string;
  before(async () => {
    place = await TestWorkspaces.open();
    seedPath = writeTree(place.path("seed"), "seed");
  });
  after(() => place[Symbol.asyncDispose]());

  /** What anybody may do next; each finds the workspace gone. */
  const nextSteps: Record<string, (id: string) => Promise<unknown>> = {
    list: async () => assert.deepEqual(await place.pyro.listWorkspaces(), { workspaces: [] }),
    status: async (id) =>
      assert.equal((await refusal(place.pyro.statusWorkspace(id))).code, "workspace_not_found"),
    delete: async (id) =>
      assert.equal((await place.pyro.deleteWorkspace(id)).deleted, false, "deleted twice"),
    create: async (id) => {
      const { workspaceId } = await place.create({ name: id });
      await place.assertAgree();
      assert.equal((await place.pyro.deleteWorkspace(workspaceId)).deleted, true);
    },
    gc: async () => {
      await place.pyro.gcWorkspaces();
      assert.deepEqual(await place.pyro.listWorkspaces(), { workspaces: [] });
    },
  };

  for (const [point, next] of [
    ["create.recorded", "create"],
    ["create.directory", "list"],
    ["create.started", "create"],
    ["create.extracted", "status"],
    ["create.seeded", "gc"],
  ] as const)
    it(`at ${point} leaves no workspace, and its name is free (next: ${next})`, async () => {
      const name = "half-made";
      await place.dies(point, "createWorkspace", [
        { environment: baseEnvironment, name, seedPath },
      ]);
      await nextSteps[next]?.(name);
      const { workspaceId } = await place.create({ name });
      assert.deepEqual(
        [await place.pyro.deleteWorkspace(name), await place.pyro.deleteWorkspace(name)],
        [
          { workspaceId, deleted: true },
          { workspaceId, deleted: false },
        ] satisfies WorkspaceDeleted[],
      );
      await place.assertNothingLeft();
    });

  for (const [point, next] of [
    ["delete.recorded", "delete"],
    ["delete.killed", "create"],
    ["delete.removed", "status"],
  ] as const)
    it(`at ${point} of a delete has deleted it for good (next: ${next})`, async () => {
      const name = "half-gone";
      await place.create({ name });
      const other = await place.create({ name: "another" });
      await place.dies(point, "deleteWorkspace", [name]);
      await nextSteps[next]?.(name);
      assert.equal((await place.pyro.deleteWorkspace(name)).deleted, false);
      assert.deepEqual(
        (await place.pyro.listWorkspaces()).workspaces.map(({ workspaceId }) => workspaceId),
        [other.workspaceId],
      );
      await place.assertAgree();
      await place.assertNothingLeft();
    });

  it("at any moment of a create leaves nothing", async () => {
    for (let round = 0; round < 8; round++) {
      const creating = place.start("createWorkspace", [
        { environment: baseEnvironment, name: "half-made", seedPath },
      ]);
      setTimeout(() => creating.signal("SIGKILL"), 150 + Math.random() * 700);
      const { signal } = await creating.ended;
      const { workspaces } = await place.pyro.listWorkspaces();
      if (signal !== null) assert.ok(workspaces.every(({ state }) => state === "started"));
      // It may have been killed while it cleaned up after itself.
      await place.pyro.gcWorkspaces();
      await place.assertAgree();
      await place.pyro.deleteWorkspace("half-made").catch(() => undefined);
    }
    await place.assertNothingLeft();
  });
});

describe("a workspace whose process is killed", () => {
  let place: TestWorkspaces;
  /** What /workspace holds: as it was seeded, as the snapshot keeps it, as it was last acknowledged. */
  const digests = { baseline: "", known: "", latest: "" };
  const id = "kept";
  before(async () => {
    place = await TestWorkspaces.open();
    await place.create({ name: id, seedPath: writeTree(place.path("seed"), "seed") });
    digests.baseline = await place.treeDigest(id);
    const known = writeTree(place.path("known"), "known", 6);
    await place.pyro.pushWorkspaceSync(id, known);
    await place.pyro.createSnapshot(id, "known");
    digests.known = await place.treeDigest(id);
    await change();
  });
  after(() => place[Symbol.asyncDispose]());

  /** Something acknowledged that no snapshot has. */
  const change = async () => {
    await place.pyro.writeWorkspaceFile(id, "src/latest", { text: `latest ${Math.random()}` });
    digests.latest = await place.treeDigest(id);
  };
  const settled = async (): Promise<Workspace> => {
    const { workspaces } = await place.pyro.listWorkspaces();
    const state = await place.pyro.statusWorkspace(id);
    assert.equal(workspaces.find(({ name }) => name === id)?.state, state.state);
    await place.assertAgree();
    return state;
  };
  /** The lists of the snapshots, as they are on the disk. */
  const keptFiles = () => {
    const directory = join(place.directory(String(place.row(id)?.workspace_id)), "snapshots");
    return readdirSync(directory).filter((name) => name !== "chunks");
  };
  const settledState = async () => (await place.pyro.statusWorkspace(id)).state;
  /** Started again if it has to be, with exactly these files. */
  const assertHolds = async (digest: string) => {
    if ((await settled()).state !== "started") await place.pyro.startWorkspace(id);
    assert.equal(await place.treeDigest(id), digest);
    await place.assertAgree();
  };

  for (const point of ["start.recorded", "start.started"])
    it(`at ${point} starts again on one machine, its files kept`, async () => {
      await place.pyro.stopWorkspace(id);
      await place.dies(point, "startWorkspace", [id]);
      assert.equal((await settled()).state, "stopped");
      await assertHolds(digests.latest);
    });

  it("at start.started is not started twice, though nobody looked in between", async () => {
    await place.pyro.stopWorkspace(id);
    await place.dies("start.started", "startWorkspace", [id]);
    await place.pyro.startWorkspace(id);
    await assertHolds(digests.latest);
  });

  it("at start.started can be deleted, reset or snapshotted, though nobody looked in between", async () => {
    const { workspaceId } = await place.create();
    await place.pyro.writeWorkspaceFile(workspaceId, "a", { text: "a" });
    await place.pyro.stopWorkspace(workspaceId);
    await place.dies("start.started", "startWorkspace", [workspaceId]);
    await place.pyro.createSnapshot(workspaceId, "still");
    await place.dies("start.started", "startWorkspace", [workspaceId]);
    await place.pyro.resetWorkspace(workspaceId, { snapshot: "still" });
    assert.equal(await place.sh(workspaceId, "cat a"), "a");
    await place.assertAgree();
    await place.pyro.stopWorkspace(workspaceId);
    await place.dies("start.started", "startWorkspace", [workspaceId]);
    assert.equal((await place.pyro.deleteWorkspace(workspaceId)).deleted, true);
    await place.assertAgree();
  });

  for (const point of ["stop.recorded", "stop.powered-off"])
    it(`whose supervisor dies at ${point} is stopped by whoever asks next, and its files are kept`, async () => {
      const answer = await place.supervisorDies<Workspace>(point, id, "stopWorkspace", [id]);
      assertTold(answer);
      assert.equal((await settled()).state, "stopped");
      assert.equal((await place.pyro.stopWorkspace(id)).state, "stopped");
      await assertHolds(digests.latest);
    });

  it("whose supervisor dies while its guest ends is stopped, not started and then failed", async () => {
    // The guest gives it two seconds.
    await place.sh(id, "(trap '' TERM; exec sleep 600) >/dev/null 2>&1 &");
    const pid = await place.supervisor(id);
    const stopping = place.pyro.stopWorkspace(id).catch(() => undefined);
    await until("the stop is recorded", () => place.row(id)?.state === "stopping");
    await killProcess(pid);
    await stopping;
    const { state, failure } = await settled();
    assert.deepEqual([state, failure, place.monitors()], ["stopped", null, []]);
    await assertHolds(digests.latest);
  });

  it("whose supervisor dies while it stops has no command that runs", async () => {
    const { workspaceId } = await place.pyro.statusWorkspace(id);
    await place.killSupervisor(id);
    const started = place.start("execWorkspace", [id, { command: ["sleep", "600"] }], {
      PYRO_FAULT: "stop.powered-off:kill",
    });
    const running = () =>
      place.sql("SELECT * FROM commands WHERE workspace_id = ? AND ended_at IS NULL", workspaceId);
    await until("the command runs", () => running().length === 1);
    await place.pyro.stopWorkspace(id).catch(() => undefined);
    await started.ended;
    assert.equal((await settled()).state, "stopped");
    assert.deepEqual(running(), []);
    await assertHolds(digests.latest);
  });

  for (const snapshot of ["baseline", "known"] as const)
    for (const [point, isDone] of [
      ["reset.recorded", false],
      ["reset.prepared", false],
      ["reset.ended", false],
      ["reset.recorded-switch", true],
      ["reset.switched", true],
      ["reset.started", true],
    ] as const)
      it(`at ${point} of a reset to ${snapshot} has ${isDone ? "the snapshot's" : "its own"} files`, async () => {
        await assertHolds(digests.latest);
        const before = await place.pyro.statusWorkspace(id);
        assert.ok(before.commandCount > 0);
        await place.dies(point, "resetWorkspace", [id, { snapshot }]);
        const found = await settled();
        assert.equal(found.resetCount, before.resetCount + Number(isDone));
        assert.equal(found.commandCount === 0, isDone, `${found.commandCount} commands`);
        const { commands } = await place.pyro.logsWorkspace(id);
        assert.equal(commands.length, found.commandCount);
        await assertHolds(isDone ? digests[snapshot] : digests.latest);
        assert.equal((await place.pyro.statusWorkspace(id)).snapshotCount, 1);
        if (isDone) await change();
      });

  it("that had failed and dies at reset.recorded says nothing untrue", async () => {
    await place.sh(id, "sync");
    process.kill(place.monitor(id), "SIGKILL");
    await until("it has failed", async () => (await settledState()) === "failed");
    await place.dies("reset.recorded", "resetWorkspace", [id]);
    await settled();
    await assertHolds(digests.latest);
  });

  for (const state of ["started", "stopped"] as const)
    for (const [point, isListed] of [
      ["snapshot.captured", false],
      ["snapshot.recorded", true],
    ] as const)
      it(`while ${state}, at ${point}, has ${isListed ? "the whole" : "no"} snapshot`, async () => {
        const snapshot = `${state}-${isListed}`;
        if (state === "stopped") await place.pyro.stopWorkspace(id);
        await place.dies(point, "createSnapshot", [id, snapshot]);
        assert.equal((await settled()).state, state);
        const { result } = await place.answer<SnapshotList>("listSnapshots", [id]);
        const names = result?.snapshots.map(({ name }) => name);
        assert.equal(names?.includes(snapshot), isListed);
        if (!isListed) {
          await place.pyro.createSnapshot(id, "other");
          assert.deepEqual(keptFiles().sort(), [
            "baseline.image.json",
            "known.image.json",
            "other.image.json",
          ]);
          assert.equal((await place.pyro.deleteSnapshot(id, "other")).deleted, true);
          await place.pyro.createSnapshot(id, snapshot);
        }
        await place.pyro.resetWorkspace(id, { snapshot });
        await assertHolds(digests.latest);
        assert.equal((await place.pyro.deleteSnapshot(id, snapshot)).deleted, true);
      });

  it("at export.written has exported all of it", async () => {
    const [first, second] = [place.path("exported"), place.path("exported again")];
    await place.dies("export.written", "exportWorkspace", [id, "src", { outputPath: first }]);
    await place.pyro.exportWorkspace(id, "src", { outputPath: second });
    assert.equal(hostDigest(first), hostDigest(second));
    await assertHolds(digests.latest);
  });

  for (const [point, isDone] of [
    ["exec.begun", false],
    ["exec.ended", true],
  ] as const)
    it(`whose supervisor dies at ${point} keeps its machine and its journal`, async () => {
      const bootId = await place.bootId(id);
      const { commandCount } = await place.pyro.statusWorkspace(id);
      const command = ["sh", "-c", "echo done; exit 7"];
      const answer = await place.supervisorDies(point, id, "execWorkspace", [id, { command }]);
      assertTold(answer);
      assert.equal(await place.bootId(id), bootId);
      const { commands } = await place.pyro.logsWorkspace(id);
      const logged = commands.find(({ sequence }) => sequence === commandCount + 1);
      assert.deepEqual(logged?.command, command);
      if (isDone) assert.deepEqual([logged.exitCode, logged.stdout], [7, "done\n"]);
      else assert.match(logged?.interrupted ?? "", /supervisor/);
      assert.equal(logged?.interrupted === null, isDone);
      await assertHolds(digests.latest);
    });

  it("leaves nothing when it is deleted after all that", async () => {
    const { workspaceId } = await place.pyro.statusWorkspace(id);
    assert.ok(existsSync(place.directory(workspaceId)));
    await place.assertNothingLeft();
  });
});

/** A caller whose supervisor was killed is told so by code and next step, or got what it asked for. */
function assertTold({
  result,
  error,
}: {
  result?: unknown;
  error?: { code: string; hint?: string };
}) {
  if (result !== undefined) return;
  assert.ok(["guest_lost", "workspace_lost"].includes(error?.code ?? ""), JSON.stringify(error));
  assert.ok(error?.hint, "no next step");
}
