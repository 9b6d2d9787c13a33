import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { repository } from "../support/home.ts";
import { TestWorkspaces } from "../support/workspaces.ts";

describe("a state directory that a host and a container share", () => {
  let place: TestWorkspaces;
  before(async () => {
    place = await TestWorkspaces.open();
  });
  after(() => place[Symbol.asyncDispose]());

  /** One call of the command line that sees no process of ours. */
  const inContainer = (...args: string[]) => {
    const rights = process.getuid?.() === 0 ? [] : ["--map-root-user"];
    const unshare = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child", ...rights];
    return place.home.startProgram([...unshare, join(repository, "bin", "pyro"), ...args]).ended;
  };

  it("shows each side the other's workspaces as they are", async () => {
    await place.create({ name: "ours" });
    const bootId = await place.bootId("ours");
    const { stdout } = await inContainer("workspace", "status", "ours", "--json");
    assert.equal(JSON.parse(stdout).state, "started");
    const ran = await inContainer(
      "workspace",
      "exec",
      "ours",
      "--",
      "cat",
      "/proc/sys/kernel/random/boot_id",
    );
    assert.deepEqual([ran.stdout, ran.code], [bootId, 0]);
    assert.equal((await place.pyro.statusWorkspace("ours")).state, "started");

    // Without a supervisor there is no lock that tells who lives.
    await place.killSupervisor("ours");
    const again = await inContainer("workspace", "status", "ours", "--json");
    assert.equal(JSON.parse(again.stdout).state, "started");
    assert.equal(await place.bootId("ours"), bootId);
    await inContainer("workspace", "gc");
    assert.equal((await place.pyro.statusWorkspace("ours")).state, "started");
    await place.assertAgree();
    await place.assertNothingLeft();
  });
});
