import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { after, afterEach, before, describe, it } from "node:test";
import type { Workspace } from "../../src/index.ts";
import { baseEnvironment } from "../support/home.ts";
import { refusal, TestWorkspaces, writeTree } from "../support/workspaces.ts";

describe("workspaces whose registry is gone", () => {
  let place: TestWorkspaces;
  before(async () => {
    place = await TestWorkspaces.open();
  });
  after(() => place[Symbol.asyncDispose]());
  afterEach(async () => {
    for (const { workspaceId } of (await place.pyro.listWorkspaces()).workspaces)
      await place.pyro.deleteWorkspace(workspaceId);
    rmSync(lost(), { recursive: true, force: true });
  });

  const lost = () => join(place.home.stateDirectory, "lost");
  const registryFiles = () =>
    readdirSync(place.home.stateDirectory).filter((name) => /^registry\.sqlite/.test(name));
  /** As the advice says, by somebody who has no process of ours left but supervisors. */
  const loseRegistry = () => {
    place.pyro[Symbol.dispose]();
    const { stateDirectory } = place.home;
    rmSync(place.path("old"), { recursive: true, force: true });
    mkdirSync(place.path("old"));
    for (const name of registryFiles())
      renameSync(join(stateDirectory, name), join(place.path("old"), name));
  };
  const putBack = () => {
    place.pyro[Symbol.dispose]();
    const { stateDirectory } = place.home;
    for (const name of registryFiles()) rmSync(join(stateDirectory, name));
    for (const name of readdirSync(place.path("old")))
      copyFileSync(join(place.path("old"), name), join(stateDirectory, name));
  };
  const describedAt = ({ workspaceId }: Workspace, directory = place.directory(workspaceId)) =>
    join(directory, "workspace.json");
  const describeAs = (workspace: Workspace, change: Record<string, unknown>) => {
    const known = JSON.parse(readFileSync(describedAt(workspace), "utf8"));
    writeFileSync(describedAt(workspace), JSON.stringify({ ...known, ...change }));
  };
  const stopped = async (name: string) => {
    const { workspaceId } = await place.create({ name });
    await place.sh(workspaceId, `echo ${name} > kept`);
    return await place.pyro.stopWorkspace(workspaceId);
  };
  const idsOf = async () =>
    (await place.pyro.listWorkspaces()).workspaces.map(({ workspaceId }) => workspaceId).sort();

  it("are all there after a create and a gc, as they were", async () => {
    const seedPath = writeTree(place.path("seed"), "seed");
    const labels = { team: "core" };
    const running = await place.create({ name: "running", seedPath, labels, cpu: "v3" });
    assert.equal(running.cpu, "v3");
    await place.sh("running", "echo snapshot > kept");
    await place.pyro.createSnapshot("running", "known");
    await place.sh("running", "echo latest > kept");
    const bootId = await place.bootId("running");
    const resting = await stopped("resting");
    loseRegistry();

    const fresh = await place.create({ name: "fresh" });
    const { deletedWorkspaceIds, sweptDirectories } = await place.pyro.gcWorkspaces();
    assert.deepEqual(
      { deletedWorkspaceIds, sweptDirectories },
      { deletedWorkspaceIds: [], sweptDirectories: 0 },
    );
    assert.deepEqual(
      await idsOf(),
      [fresh.workspaceId, running.workspaceId, resting.workspaceId].sort(),
    );
    await place.assertAgree();

    const found = await place.pyro.statusWorkspace("running");
    // Shells are counted by whoever looks after it, who may not be there yet.
    const { lastActivityAt: _now, commandCount, shellCount: _shells, ...same } = found;
    const {
      lastActivityAt: _then,
      commandCount: _before,
      shellCount: _none,
      ...asCreated
    } = running;
    assert.deepEqual(same, { ...asCreated, snapshotCount: 1 });
    assert.equal(commandCount, 3, "numbers of commands go on where their output ends");
    assert.equal(await place.bootId("running"), bootId, "another machine");
    assert.equal(await place.sh("running", "cat kept"), "latest\n");
    assert.match((await place.pyro.diffWorkspace("running")).diff, /\+latest/);
    await place.pyro.resetWorkspace("running", { snapshot: "known" });
    assert.equal(await place.sh("running", "cat kept"), "snapshot\n");
    assert.equal((await place.pyro.statusWorkspace("resting")).state, "stopped");
    await place.pyro.startWorkspace("resting");
    assert.equal(await place.sh("resting", "cat kept"), "resting\n");
  });

  it("are found by name before anything else is done, and one whose machine died says so", async () => {
    await place.create({ name: "running" });
    await place.sh("running", "echo latest > kept; sync");
    const monitor = place.monitor("running");
    await place.killSupervisor("running");
    loseRegistry();
    process.kill(monitor, "SIGKILL");
    const { state, failure } = await place.pyro.statusWorkspace("running");
    assert.deepEqual(
      [state, failure],
      ["failed", "its virtual machine monitor ended unexpectedly"],
    );
    await place.pyro.startWorkspace("running");
    assert.equal(await place.sh("running", "cat kept"), "latest\n");
  });

  it("lose nothing newer when an older registry is put back", async () => {
    await place.create({ name: "before" });
    const removed = await stopped("removed");
    loseRegistry();
    await place.pyro.updateWorkspace("before", { name: "after", labels: { team: "core" } });
    await place.sh("after", "echo known > kept");
    await place.pyro.createSnapshot("after", "known");
    const bootId = await place.bootId("after");
    const later = await place.create({ name: "before" });
    await place.pyro.deleteWorkspace(removed.workspaceId);
    putBack();

    const { labels, snapshotCount } = await place.pyro.statusWorkspace("after");
    assert.deepEqual([labels, snapshotCount], [{ team: "core" }, 1]);
    assert.equal(await place.bootId("after"), bootId);
    assert.equal((await place.pyro.statusWorkspace("before")).workspaceId, later.workspaceId);
    assert.equal((await place.pyro.listWorkspaces()).workspaces.length, 2);
    await place.assertAgree();
  });

  it("are not brought back when their creation was cut off", async () => {
    await place.dies("create.seeded", "createWorkspace", [
      { environment: baseEnvironment, seedPath: writeTree(place.path("half"), "half") },
    ]);
    loseRegistry();
    assert.deepEqual(await idsOf(), []);
    await place.assertNothingLeft();
  });

  it("keep apart when two claim one name", async () => {
    const one = await stopped("one");
    const other = await stopped("other");
    describeAs(other, { name: "one", revision: 99 });
    loseRegistry();
    assert.deepEqual(await idsOf(), [one.workspaceId, other.workspaceId].sort());
    const named = (await place.pyro.listWorkspaces()).workspaces.filter(
      ({ name }) => name !== null,
    );
    assert.deepEqual(
      named.map(({ name }) => name),
      ["one"],
    );
  });

  for (const [what, change] of [
    ["a name that leads elsewhere", { name: "../../elsewhere" }],
    ["a name that moves the cursor", { name: "\u001b[2J" }],
    ["labels that are none", { labels: { "\u0000": "x" } }],
  ] as const)
    it(`keep their files and lose ${what}`, async () => {
      const workspace = await stopped("named");
      describeAs(workspace, change);
      loseRegistry();
      const [found] = (await place.pyro.listWorkspaces()).workspaces;
      assert.equal(found?.workspaceId, workspace.workspaceId);
      assert.deepEqual([found.name, found.labels], ["name" in change ? null : "named", {}]);
    });

  for (const [what, damage] of [
    ["no description", (path: string) => rmSync(path)],
    ["half a description", (path: string) => writeFileSync(path, '{"version":1,"environ')],
    [
      "the description of another",
      (path: string) => rewrite(path, { workspaceId: "ws-000000000000" }),
    ],
    [
      "an environment that leads elsewhere",
      (path: string) => rewrite(path, { environment: "../x" }),
    ],
    ["a process that is none", (path: string) => rewrite(path, { process: { pid: -1 } })],
    [
      "a link in place of it",
      (path: string) => replaceBy(path, () => symlinkSync("/etc/hostname", path)),
    ],
    [
      "a pipe in place of it",
      (path: string) => replaceBy(path, () => execFileSync("mkfifo", [path])),
    ],
  ] as const)
    it(`are put aside with ${what}, named by the doctor with the way back`, async () => {
      const workspace = await stopped("damaged");
      damage(describedAt(workspace));
      loseRegistry();
      await place.pyro.gcWorkspaces();
      assert.deepEqual(await idsOf(), []);
      assert.equal(
        (await refusal(place.pyro.statusWorkspace("damaged"))).code,
        "workspace_not_found",
      );
      const aside = join(lost(), workspace.workspaceId);
      assert.ok(existsSync(join(aside, "disk.ext4")));

      const { checks } = await place.pyro.doctor();
      const check = checks.find(({ name }) => name === "lost workspaces");
      assert.equal(check?.status, "warn");
      assert.match(check.message, new RegExp(workspace.workspaceId));
      const way = check.fix?.slice(check.fix.indexOf(": ") + 2) ?? "";
      if (existsSync(describedAt(workspace, aside))) rmSync(describedAt(workspace, aside));
      execFileSync("sh", ["-c", way.replace("debian:12", baseEnvironment)]);
      assert.equal((await place.pyro.startWorkspace(workspace.workspaceId)).state, "started");
      assert.equal(await place.sh(workspace.workspaceId, "cat kept"), "damaged\n");
    });

  it("leave what is none of them where it is", async () => {
    const stranger = join(place.home.stateDirectory, "workspaces", "notes");
    await stopped("one");
    writeFileSync(stranger, "mine");
    loseRegistry();
    await place.pyro.gcWorkspaces();
    assert.equal(readFileSync(stranger, "utf8"), "mine");
    rmSync(stranger);
  });
});

function rewrite(path: string, change: Record<string, unknown>): void {
  writeFileSync(path, JSON.stringify({ ...JSON.parse(readFileSync(path, "utf8")), ...change }));
}

function replaceBy(path: string, make: () => unknown): void {
  rmSync(path);
  make();
}
