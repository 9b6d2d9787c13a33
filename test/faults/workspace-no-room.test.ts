import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { after, afterEach, before, describe, it } from "node:test";
import { baseEnvironment, repository } from "../support/home.ts";
import type { Failure } from "../support/workspaces.ts";
import { TestWorkspaces, writeTree } from "../support/workspaces.ts";

const program = join(repository, "test", "support", "pyro-vm.ts");

describe("a host without room", () => {
  let place: TestWorkspaces;
  let seedPath: string;
  const id = "tight";
  before(async () => {
    place = await TestWorkspaces.open();
    seedPath = writeTree(place.path("seed"), "seed", 40);
    await place.create({ name: id, seedPath });
    await place.pyro.createSnapshot(id, "full");
  });
  afterEach(() => place.assertAgree());
  after(async () => {
    await place.assertNothingLeft();
    await place[Symbol.asyncDispose]();
  });

  for (const action of ["enospc", "eio"])
    for (const [point, method, given] of [
      ["create.recorded", "createWorkspace", [{ environment: baseEnvironment, name: "new" }]],
      ["create.directory", "createWorkspace", [{ environment: baseEnvironment, name: "new" }]],
      ["create.started", "createWorkspace", [{ environment: baseEnvironment, name: "new" }]],
      ["reset.prepared", "resetWorkspace", [id, { snapshot: "full" }]],
      ["reset.switched", "resetWorkspace", [id, { snapshot: "full" }]],
      ["snapshot.captured", "createSnapshot", [id, "new"]],
    ] as const)
      it(`leaves nothing half done after ${action} at ${point}`, async () => {
        const digest = await place.treeDigest(id);
        const { error } = await place.answer(method, given, { PYRO_FAULT: `${point}:${action}` });
        assert.ok(error, "it succeeded");
        assert.equal(place.row("new"), undefined);
        const { state } = await place.pyro.statusWorkspace(id);
        if (state !== "started") await place.pyro.startWorkspace(id);
        assert.equal(await place.treeDigest(id), digest);
        const { result } = await place.answer(method, given);
        assert.ok(result);
        if (method === "createWorkspace") await place.pyro.deleteWorkspace("new");
        if (method === "createSnapshot") await place.pyro.deleteSnapshot(id, "new");
      });

  /** Runs shell lines where `$small` is a file system of its own, which is gone with the shell; `call` is the SDK. */
  const inSmallFileSystem = async (options: string, script: string) => {
    const small = place.path("small");
    const setup = [
      `small=${small}; mkdir -p $small; mount -t tmpfs -o mode=700,${options} none $small || exit 99`,
      "export PYRO_STATE_DIR=$small/state",
      // A call that hangs is a failure like any other.
      `call() { timeout 30 ${process.execPath} --disable-warning=ExperimentalWarning ${program} "$@" || echo '{"error":{"code":"hangs"}}'; }`,
    ];
    const mapped = process.getuid?.() === 0 ? [] : ["--map-root-user"];
    const command = ["unshare", "--mount", ...mapped, "sh", "-c", [...setup, script].join("\n")];
    const { stdout, stderr, code } = await place.home.startProgram(command).ended;
    assert.notEqual(code, 99, stderr);
    return stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as { result?: Record<string, unknown>; error?: Failure });
  };
  const create = `call createWorkspace '[{"environment":"${baseEnvironment}","name":"small"}]'`;
  const exec = (line: string) =>
    `call execWorkspace '${JSON.stringify(["small", { command: ["sh", "-c", line] }])}'`;
  const remove = `call deleteWorkspace '["small"]'`;

  for (const [what, options] of [
    ["bytes", "size=256k"],
    ["files", "size=1g,nr_inodes=4"],
  ] as const)
    it(`names it when there are no ${what} left for a new workspace, and works once there are`, async () => {
      const [refused, created, ran, deleted] = await inSmallFileSystem(
        options,
        [
          create,
          "mount -o remount,size=1g,nr_inodes=1000 $small",
          create,
          exec("echo works"),
          remove,
        ].join("\n"),
      );
      assert.equal(refused?.error?.code, "host_no_space", JSON.stringify(refused));
      assert.ok(refused?.error?.hint);
      assert.equal(created?.result?.state, "started", JSON.stringify(created));
      assert.equal(ran?.result?.stdout, "works\n");
      assert.equal(deleted?.result?.deleted, true);
    });

  it("names it when a snapshot, a reset or an export does not fit, and keeps what there was", async () => {
    const fill = "head -c 1G /dev/zero > $small/filler 2>/dev/null";
    const answers = await inSmallFileSystem(
      "size=80m",
      [
        create,
        exec("head -c 8000000 /dev/urandom > a; sync; sha256sum a"),
        `call createSnapshot '["small","whole"]'`,
        exec("head -c 8000000 /dev/urandom > b; sync; sha256sum a b"),
        fill,
        `call createSnapshot '["small","refused"]'`,
        `call resetWorkspace '["small",{"snapshot":"whole"}]'`,
        `call exportWorkspace '["small","a",{"outputPath":"'$small'/out"}]'`,
        "rm $small/filler",
        `call startWorkspace '["small"]'`,
        exec("sha256sum a b"),
        `call resetWorkspace '["small",{"snapshot":"whole"}]'`,
        exec("sha256sum *"),
        remove,
      ].join("\n"),
    );
    const [, a, , ab, snapshot, reset, exported, started, again, restored, whole, deleted] =
      answers;
    for (const refused of [snapshot, reset])
      assert.equal(refused?.error?.code, "host_no_space", JSON.stringify(refused));
    assert.ok(exported?.error, "exported to a full disk");
    assert.equal(started?.result?.state, "started", JSON.stringify(started));
    assert.equal(again?.result?.stdout, ab?.result?.stdout, JSON.stringify(again));
    assert.equal(restored?.result?.state, "started", JSON.stringify(restored));
    assert.equal(whole?.result?.stdout, a?.result?.stdout);
    assert.equal(deleted?.result?.deleted, true);
    assert.ok(!existsSync(place.path("small/out")));
  });

  it("under a running guest's disk is the guest's error, not silence, and passes with the lack", async () => {
    const answers = await inSmallFileSystem(
      "size=64m",
      [
        create,
        "date +%s%3N",
        exec("head -c 100000000 /dev/urandom > big && sync big && echo written"),
        "date +%s%3N",
        "mount -o remount,size=1g $small",
        exec("echo alive"),
        `call stopWorkspace '["small"]'`,
        `call startWorkspace '["small"]'`,
        exec("rm -f big; echo again > file; cat file"),
        remove,
      ].join("\n"),
    );
    const [, begun, filled, ended, alive, stopped, started, again] = answers;
    const elapsedMs = Number(ended) - Number(begun);
    assert.ok(elapsedMs < 30_000, `after ${elapsedMs} ms`);
    assert.notEqual(filled?.result?.stdout, "written\n", JSON.stringify(filled));
    assert.ok(alive?.result?.stdout === "alive\n" || alive?.error, JSON.stringify(alive));
    assert.equal(
      stopped?.result?.state ?? stopped?.error?.code,
      "stopped",
      JSON.stringify(stopped),
    );
    assert.equal(started?.result?.state, "started", JSON.stringify(started));
    assert.equal(again?.result?.stdout, "again\n", JSON.stringify(again));
  });
});
