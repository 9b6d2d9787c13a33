import assert from "node:assert/strict";
import { existsSync, readdirSync, rmSync } from "node:fs";
import { after, afterEach, before, describe, it } from "node:test";
import { baseEnvironment } from "../support/home.ts";
import { hostDigest, refusal, TestWorkspaces, writeTree } from "../support/workspaces.ts";

describe("trees and snapshots whose process is killed at random", () => {
  let place: TestWorkspaces;
  let seedPath: string;
  const id = "trees";
  before(async () => {
    place = await TestWorkspaces.open();
    seedPath = writeTree(place.path("seed"), "seed", 200);
    await place.create({ name: id, seedPath });
  });
  afterEach(async () => {
    await place.pyro.gcWorkspaces();
    await place.assertAgree();
  });
  after(async () => {
    await place.assertNothingLeft();
    await place[Symbol.asyncDispose]();
  });

  /** Starts a call and kills it after a while; whether it was killed before it ended. */
  const killLater = async (...given: Parameters<TestWorkspaces["start"]>) => {
    const started = place.start(...given);
    // From before it does anything to about when it is done; a busy host shifts both.
    const timer = setTimeout(() => started.signal("SIGKILL"), 100 + Math.random() * 250);
    const { signal } = await started.ended;
    clearTimeout(timer);
    return signal !== null;
  };

  it("an export's destination is absent or complete", async () => {
    const expected = hostDigest(seedPath);
    let killed = 0;
    for (let round = 0; round < 10; round++) {
      const outputPath = place.path(`out-${round}`);
      killed += Number(await killLater("exportWorkspace", [id, "", { outputPath }]));
      if (existsSync(outputPath)) assert.equal(hostDigest(outputPath), expected);
      rmSync(outputPath, { recursive: true, force: true });
    }
    assert.ok(killed > 0, "nothing was killed");
    const again = place.path("again");
    await place.pyro.exportWorkspace(id, "", { outputPath: again });
    assert.equal(hostDigest(again), expected);
  });

  it("a workspace whose seed was cut off does not exist afterwards", async () => {
    let killed = 0;
    for (let round = 0; round < 6; round++) {
      const options = { environment: baseEnvironment, name: "seeded", seedPath };
      if (await killLater("createWorkspace", [options])) {
        killed++;
        const found = await place.pyro.statusWorkspace("seeded").catch(() => undefined);
        // Only one that was complete may be there: its process died while it answered.
        if (found !== undefined) assert.equal(found.workspaceSeed.mode, "directory");
      }
      await place.pyro.deleteWorkspace("seeded").catch(() => undefined);
    }
    assert.ok(killed > 0, "nothing was killed");
  });

  it("five generations of snapshots hold each its own bytes", async () => {
    const digests: string[] = [];
    for (let generation = 0; generation < 5; generation++) {
      const line = `head -c 300000 /dev/urandom > random; echo ${generation} > number; rm -rf src/deep`;
      await place.sh(id, line);
      digests.push(await place.treeDigest(id));
      await place.pyro.createSnapshot(id, `generation-${generation}`);
    }
    for (const generation of [3, 0, 4, 1, 2]) {
      await place.pyro.resetWorkspace(id, { snapshot: `generation-${generation}` });
      assert.equal(await place.treeDigest(id), digests[generation]);
    }
  });

  it("a snapshot is listed only when it is whole", async () => {
    let killed = 0;
    for (let round = 0; round < 8; round++) {
      const name = `cut-${round}`;
      await place.sh(id, "head -c 2000000 /dev/urandom > random");
      const digest = await place.treeDigest(id);
      killed += Number(await killLater("createSnapshot", [id, name]));
      const { snapshots } = await place.pyro.listSnapshots(id);
      if (snapshots.some((one) => one.name === name)) {
        await place.pyro.resetWorkspace(id, { snapshot: name });
        assert.equal(await place.treeDigest(id), digest);
        assert.equal((await place.pyro.deleteSnapshot(id, name)).deleted, true);
      } else {
        const { code } = await refusal(place.pyro.resetWorkspace(id, { snapshot: name }));
        assert.equal(code, "snapshot_not_found");
        assert.equal(await place.sh(id, "echo thawed > thawed; cat thawed"), "thawed\n");
      }
    }
    assert.ok(killed > 0, "nothing was killed");
    await place.pyro.deleteSnapshot(id, "generation-0");
    await place.pyro.resetWorkspace(id, { snapshot: "generation-4" });
    assert.equal(await place.sh(id, "cat number"), "4\n");
    assert.deepEqual(
      readdirSync(place.directory((await place.pyro.statusWorkspace(id)).workspaceId)).filter(
        (name) => name.includes("partial"),
      ),
      [],
    );
  });
});
