import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { after, afterEach, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { Workspace } from "../../src/index.ts";
import { acquireLock } from "../../src/platform/lock.ts";
import { baseEnvironment, repository } from "../support/home.ts";
import type { Acknowledged } from "../support/workspace-client.ts";
import { saying, TestWorkspaces, timed, writeTree } from "../support/workspaces.ts";

/** An archive that was cut off may look like one that breaks the protocol; what matters is that nothing of it is left. */
const exportEnds = ["done", "workspace_lost", "guest_lost", "guest_protocol_error"];
/** Multiplies how often things are tried. */
const scale = Number(process.env.PYRO_TEST_SCALE ?? 1);

describe("processes that work on workspaces at once", () => {
  let place: TestWorkspaces;
  before(async () => {
    place = await TestWorkspaces.open();
  });
  afterEach(() => place.assertNothingLeft());
  after(() => place[Symbol.asyncDispose]());

  const client = (what: string, ids: string, times: number, token: string) => {
    const program = join(repository, "test", "support", "workspace-client.ts");
    const node = [process.execPath, "--disable-warning=ExperimentalWarning"];
    return place.home.startProgram([...node, program, what, ids, String(times), token]);
  };
  const linesOf = (stdout: string): Acknowledged[] =>
    stdout
      .split("\n")
      .filter((line) => line.endsWith("}"))
      .map((line) => JSON.parse(line) as Acknowledged);

  it("make one workspace of a name that eight want", async () => {
    for (let round = 0; round < 2 * scale; round++) {
      const options = { environment: baseEnvironment, name: "wanted" };
      const answers = await Promise.all(
        Array.from({ length: 8 }, () => place.answer<Workspace>("createWorkspace", [options])),
      );
      assert.deepEqual(answers.map(({ result, error }) => result?.state ?? error?.code).sort(), [
        "started",
        ...Array.from({ length: 7 }, () => "workspace_name_taken"),
      ]);
      await place.assertAgree();
      assert.equal(await place.sh("wanted", "echo works"), "works\n");
      await place.pyro.deleteWorkspace("wanted");
    }
  });

  it("lose nothing that was acknowledged when some of them are killed", async () => {
    const ids = await Promise.all([1, 2].map(() => place.create()));
    const names = ids.map(({ workspaceId }) => workspaceId);
    const clients = Array.from({ length: 8 }, (_, index) =>
      client("mixed", names.join(), 500 * scale, `t${index}`),
    );
    for (const [index, one] of clients.entries())
      if (index % 2) setTimeout(() => one.signal("SIGKILL"), 1_000 + Math.random() * 9_000).unref();
    const ended = await Promise.all(clients.map((one) => one.ended));
    const all = ended.flatMap(({ stdout }) => linesOf(stdout));
    assert.deepEqual(
      all.filter(({ error }) => error !== undefined),
      [],
    );
    assert.ok(all.length > 1_500 * scale, `${all.length} operations`);
    await place.assertAgree();
    for (const id of names) {
      const of = (kind: string) => all.filter((one) => one.id === id && one.kind === kind);
      const [{ commands }, { entries }, { snapshots }] = await Promise.all([
        place.pyro.logsWorkspace(id),
        place.pyro.listWorkspaceFiles(id),
        place.pyro.listSnapshots(id),
      ]);
      for (const { name } of of("exec")) {
        const logged = commands.filter(({ command }) => command[1] === name);
        assert.deepEqual(
          logged.map(({ stdout, exitCode }) => [stdout, exitCode]),
          [[`${name}\n`, 0]],
        );
      }
      for (const { name } of of("write"))
        assert.equal(entries.find(({ path }) => path === `/workspace/${name}`)?.size, name.length);
      for (const { name } of of("snapshot")) assert.ok(snapshots.some((one) => one.name === name));
      assert.deepEqual(
        commands.map(({ sequence }) => sequence),
        commands.map((_, index) => index + 1),
      );
    }
  });

  it("are not held up by one that was killed while it waited for its turn", async () => {
    const { workspaceId } = await place.create();
    const monitor = place.monitor(workspaceId);
    const write = (name: string) => place.pyro.writeWorkspaceFile(workspaceId, name, { text: "" });
    await write("zeroth");
    process.kill(monitor, "SIGSTOP");
    const first = write("first");
    const waiting = place.start("writeWorkspaceFile", [workspaceId, "waiting", { text: "" }]);
    await sleep(2_000);
    waiting.signal("SIGKILL");
    await waiting.ended;
    process.kill(monitor, "SIGCONT");
    await first;
    await write("last");
    const { entries } = await place.pyro.listWorkspaceFiles(workspaceId);
    assert.deepEqual(entries.map(({ path }) => path).sort(), [
      "/workspace/first",
      "/workspace/last",
      "/workspace/zeroth",
    ]);
    await place.assertAgree();
  });

  it("get each their own output and exit code of a thousand commands", async () => {
    const { workspaceId } = await place.create();
    const clients = [0, 1, 2, 3].map((index) =>
      client("echo", workspaceId, 250 * scale, `c${index}`),
    );
    const ended = await Promise.all(clients.map((one) => one.ended));
    const all = ended.flatMap(({ stdout }) => linesOf(stdout));
    assert.deepEqual(
      all.filter(({ error }) => error !== undefined),
      [],
    );
    assert.equal(all.length, 1_000 * scale);
    const { commandCount } = await place.pyro.statusWorkspace(workspaceId);
    assert.equal(commandCount, 1_000 * scale);
    await place.assertAgree();
  });

  for (const [what, state] of [
    ["delete", undefined],
    ["stop", "stopped"],
    ["reset", "started"],
  ] as const)
    it(`are told within seconds when another's ${what} cuts a command and an export off`, async () => {
      const seedPath = writeTree(place.path(`seed ${what}`), what, 150);
      const { workspaceId } = await place.create({ seedPath });
      const { said, onStdout } = saying("ready\n");
      const command = ["sh", "-c", "echo ready; sleep 600"];
      const codeOf = (work: Promise<unknown>) =>
        work.then(
          (result) => (Number((result as { exitCode?: number }).exitCode) > 0 ? "killed" : "done"),
          (error: { code: string }) => error.code,
        );
      const exec = codeOf(
        place.pyro.execWorkspace(workspaceId, { command, onStdout, timeoutSeconds: 600 }),
      );
      const outputPath = place.path(`out ${what}`);
      await said;
      const exported = codeOf(place.pyro.exportWorkspace(workspaceId, "", { outputPath }));
      await sleep(20);
      const { elapsedMs } = await timed(
        Promise.all([
          place
            .answer(`${what}Workspace`, [workspaceId])
            .then(({ error }) => assert.equal(error, undefined)),
          exec.then((code) =>
            assert.ok(["workspace_lost", "guest_lost", "killed"].includes(code), code),
          ),
          exported.then((code) => {
            assert.ok(exportEnds.includes(code), code);
            assert.equal(existsSync(outputPath), code === "done");
          }),
        ]),
      );
      assert.ok(elapsedMs < 15_000, `after ${elapsedMs} ms`);
      const found = await place.pyro.statusWorkspace(workspaceId).catch(() => undefined);
      assert.equal(found?.state, state);
      await place.assertAgree();
    });

  it("hold a snapshot up with nothing but time, and lose nothing by it", async () => {
    const { workspaceId } = await place.create();
    const line = "for i in 1 2 3 4 5 6 7 8 9; do echo $i >> log; sleep 0.1; done; cat log";
    const writing = place.sh(workspaceId, line);
    for (const name of ["a", "b", "c"]) await place.pyro.createSnapshot(workspaceId, name);
    assert.equal(await writing, "1\n2\n3\n4\n5\n6\n7\n8\n9\n");
  });

  it("keep and remove snapshots one after the other, even when a guest no longer stands still for the first", async () => {
    const { workspaceId } = await place.create({ name: "held" });
    await place.pyro.createSnapshot("held", "first");
    const { release } = await acquireLock(join(place.directory(workspaceId), "snapshots.lock"));
    let isReleased = false;
    const later = Promise.all([
      place.pyro.createSnapshot("held", "second").then(() => assert.ok(isReleased)),
      place.pyro.deleteSnapshot("held", "first").then(() => assert.ok(isReleased)),
    ]);
    // Commands go on: nobody who waits for his turn keeps the guest still.
    assert.equal(await place.sh("held", "echo written > file && sync && cat file"), "written\n");
    isReleased = true;
    release();
    await later;
    await place.pyro.resetWorkspace("held", { snapshot: "second" });
  });

  it("may all delete, stop, start and reset the same workspace", async () => {
    const { workspaceId } = await place.create();
    const methods = [
      "stopWorkspace",
      "startWorkspace",
      "resetWorkspace",
      "statusWorkspace",
    ] as const;
    const answers = await Promise.all(
      Array.from({ length: 8 }, (_, index) =>
        place.answer(methods[index % 4] ?? "statusWorkspace", [workspaceId]),
      ),
    );
    const allowed = ["workspace_busy", "workspace_state_conflict", "workspace_lost", "guest_lost"];
    for (const { error } of answers)
      assert.ok(error === undefined || allowed.includes(error.code), JSON.stringify(error));
    await place.pyro.statusWorkspace(workspaceId);
    await place.assertAgree();
    const deleted = await Promise.all(
      Array.from({ length: 4 }, () =>
        place.answer<{ deleted: boolean }>("deleteWorkspace", [workspaceId]),
      ),
    );
    for (const { error } of deleted)
      assert.ok(error === undefined || error.code === "workspace_busy", JSON.stringify(error));
    assert.ok(deleted.filter(({ result }) => result?.deleted).length <= 1);
  });
});
