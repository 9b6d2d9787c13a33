import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { after, afterEach, before, describe, it } from "node:test";
import { identifyProcess } from "../../src/platform/processes.ts";
import { until } from "../support/until.ts";
import { refusal, TestWorkspaces, writeTree } from "../support/workspaces.ts";

const unattendedSeconds = 5;

describe("a machine that nobody looks after", () => {
  let place: TestWorkspaces;
  const id = "alone";
  before(async () => {
    process.env.PYRO_UNATTENDED_SECONDS = String(unattendedSeconds);
    place = await TestWorkspaces.open();
    await place.create({ name: id, seedPath: writeTree(place.path("seed"), "seed") });
  });
  after(async () => {
    delete process.env.PYRO_UNATTENDED_SECONDS;
    await place.assertNothingLeft();
    await place[Symbol.asyncDispose]();
  });
  afterEach(() => place.assertAgree());

  const ends = (monitor: number) =>
    until("the machine ends", () => identifyProcess(monitor) === undefined);

  it("is ended by its guardian, though no pyro is ever called, and its workspace says why and goes on", async () => {
    const digest = await place.treeDigest(id);
    await place.sh(id, "sync");
    const monitor = place.monitor(id);
    await place.killSupervisor(id);
    await ends(monitor);
    const { state, failure } = await place.pyro.statusWorkspace(id);
    assert.equal(state, "failed");
    assert.equal(
      failure,
      `its virtual machine was ended, because no pyro looked after it for ${unattendedSeconds} s`,
    );
    const refused = await refusal(place.pyro.execWorkspace(id, { command: ["true"] }));
    assert.match(refused.message, /no pyro looked after it/);
    await place.pyro.startWorkspace(id);
    assert.equal(await place.treeDigest(id), digest);
  });

  it("runs on for as long as it has a supervisor, and when another takes it over in time", async () => {
    const monitor = place.monitor(id);
    await place.sh(id, `sleep ${2 * unattendedSeconds + 1}`);
    await place.killSupervisor(id);
    // Starts the next one.
    await place.sh(id, `sleep ${2 * unattendedSeconds + 1}`);
    assert.equal(place.monitor(id), monitor);
  });

  it("is ended when its directory is gone, and nobody ever looks", async () => {
    const { workspaceId } = await place.create();
    const monitor = place.monitor(workspaceId);
    await place.killSupervisor(workspaceId);
    rmSync(place.directory(workspaceId), { recursive: true, force: true });
    await ends(monitor);
    const { code } = await refusal(place.pyro.statusWorkspace(workspaceId));
    assert.equal(code, "workspace_not_found");
  });
});
