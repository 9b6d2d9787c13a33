import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { after, afterEach, before, beforeEach, describe, it } from "node:test";
import { identifyProcess } from "../../src/platform/processes.ts";
import { findSupervisors } from "../support/host-processes.ts";
import { until } from "../support/until.ts";
import {
  killProcess,
  refusal,
  saying,
  TestWorkspaces,
  timed,
  writeTree,
} from "../support/workspaces.ts";

describe("a workspace whose machine is lost", () => {
  let place: TestWorkspaces;
  let digest = "";
  const id = "lost";
  before(async () => {
    place = await TestWorkspaces.open();
    await place.create({ name: id, seedPath: writeTree(place.path("seed"), "seed") });
    digest = await place.treeDigest(id);
  });
  beforeEach(async () => {
    if ((await place.pyro.statusWorkspace(id)).state !== "started")
      await place.pyro.startWorkspace(id);
  });
  afterEach(() => place.assertAgree());
  after(async () => {
    await place.assertNothingLeft();
    await place[Symbol.asyncDispose]();
  });

  /** A command that says that it runs and then would go on for ever; `line` comes in between. */
  const running = async (line = "true") => {
    const { said, onStdout } = saying("ready\n");
    const command = ["sh", "-c", `echo ready; ${line}; sleep 600`];
    const ended = place.pyro.execWorkspace(id, { command, onStdout, timeoutSeconds: 120 });
    ended.catch(() => undefined);
    await Promise.race([said, ended]);
    return { ended };
  };
  const loggedEnd = async () => {
    const { commands } = await place.pyro.logsWorkspace(id);
    const last = commands.at(-1);
    return { exitCode: last?.exitCode, interrupted: last?.interrupted ?? null };
  };
  /** Failed with a next step, refusing to run anything, and started again with the files it had. */
  const assertFailedAndMends = async (failure: RegExp) => {
    const { state, failure: why } = await place.pyro.statusWorkspace(id);
    assert.equal(state, "failed");
    assert.match(why ?? "", failure);
    const refused = await refusal(place.pyro.execWorkspace(id, { command: ["true"] }));
    assert.equal(refused.code, "workspace_state_conflict");
    assert.match(refused.hint ?? "", /pyro workspace start lost/);
    const { events } = await place.pyro.summarizeWorkspace(id);
    assert.match(events.at(-1)?.text ?? "", failure);
    await place.pyro.startWorkspace(id);
    assert.equal(await place.treeDigest(id), digest);
  };

  for (const round of [1, 2, 3])
    it(`says so within two seconds when its monitor is killed while a command runs (${round})`, async () => {
      const { ended } = await running();
      process.kill(place.monitor(id), "SIGKILL");
      const { elapsedMs, value } = await timed(refusal(ended));
      assert.equal(value.code, "guest_lost");
      assert.match(value.message, /monitor ended unexpectedly/);
      assert.match(value.hint ?? "", /pyro workspace start/);
      assert.ok(elapsedMs < 2_000, `after ${elapsedMs} ms`);
      const { exitCode, interrupted } = await loggedEnd();
      assert.equal(exitCode, null);
      assert.match(interrupted ?? "", /monitor ended unexpectedly/);
      await assertFailedAndMends(/monitor ended unexpectedly/);
    });

  it("is found failed by the next call when nobody looked after it", async () => {
    await place.killSupervisor(id);
    await killProcess(place.monitor(id));
    const refused = await refusal(place.pyro.execWorkspace(id, { command: ["true"] }));
    assert.equal(refused.code, "workspace_state_conflict", refused.message);
    await assertFailedAndMends(/monitor ended unexpectedly/);
  });

  for (const [what, line, failure] of [
    ["panics", "echo c > /proc/sysrq-trigger", /kernel panicked/],
    ["restarts", "echo b > /proc/sysrq-trigger", /restarted or powered itself off/],
    ["powers itself off", "echo o > /proc/sysrq-trigger", /restarted or powered itself off/],
  ] as const)
    it(`says so within five seconds when its kernel ${what}`, async () => {
      const { ended } = await running(line);
      const { elapsedMs, value } = await timed(refusal(ended));
      assert.equal(value.code, "guest_lost");
      assert.match(value.message, failure);
      assert.ok(elapsedMs < 5_000, `after ${elapsedMs} ms`);
      assert.equal((await loggedEnd()).exitCode, null);
      await assertFailedAndMends(failure);
    });

  it("keeps a file, a patch and a push that were acknowledged a moment before", async () => {
    const patch = `*** Begin Patch
*** Add File: patched/new.txt
+patched
*** Update File: written
@@
-one
+two
*** End Patch
`;
    await place.pyro.writeWorkspaceFile(id, "written", { text: "one\n" });
    await place.pyro.applyWorkspacePatch(id, { patch });
    await place.pyro.pushWorkspaceSync(id, writeTree(place.path("more"), "more"), { dest: "more" });
    const look = "cd more && find . -type f -print0 | sort -z | xargs -0 sha256sum";
    const pushed = await place.sh(id, look);
    await killProcess(Number(place.row(id)?.pid));
    await until("it is failed", async () => {
      return (await place.pyro.statusWorkspace(id)).state === "failed";
    });
    await place.pyro.startWorkspace(id);
    assert.equal(await place.sh(id, "cat written patched/new.txt"), "two\npatched\n");
    assert.equal(await place.sh(id, look), pushed);
    await place.sh(id, "rm -r written patched more");
  });

  it("does not let a command kill its first process", async () => {
    const bootId = await place.bootId(id);
    await place.sh(id, "kill -9 1; kill -9 -1; true").catch(() => undefined);
    assert.equal(await place.bootId(id), bootId);
    assert.equal(await place.treeDigest(id), digest);
  });

  it("keeps its machine, its journal and its files when its supervisor is killed while a command runs", async () => {
    const bootId = await place.bootId(id);
    const acknowledged = ["sh", "-c", "echo kept; exit 5"];
    const { sequence } = await place.pyro.execWorkspace(id, { command: acknowledged });
    for (let round = 1; round <= 3; round++) {
      const { ended } = await running();
      await killProcess(await place.supervisor(id));
      const { elapsedMs, value } = await timed(refusal(ended));
      assert.equal(value.code, "guest_lost");
      assert.ok(value.hint);
      assert.ok(elapsedMs < 2_000, `after ${elapsedMs} ms`);
      assert.equal(await place.bootId(id), bootId);
      const { commands } = await place.pyro.logsWorkspace(id);
      const cut = commands.findLast(({ command }) => command.at(-1)?.includes("sleep 600"));
      assert.match(cut?.interrupted ?? "", /supervisor/);
      assert.equal(cut?.stdout, "ready\n");
      const sleeping = "cat /proc/[0-9]*/comm | grep -c '^sleep$' || true";
      await until("the command ends", async () => (await place.sh(id, sleeping)) === "0\n");
    }
    const kept = (await place.pyro.logsWorkspace(id, { sequence })).commands[0];
    assert.deepEqual([kept?.exitCode, kept?.stdout], [5, "kept\n"]);
    assert.equal(await place.treeDigest(id), digest);
  });

  it("is not started twice by many who find its supervisor gone", async () => {
    const bootId = await place.bootId(id);
    await killProcess(await place.supervisor(id));
    const command = ["cat", "/proc/sys/kernel/random/boot_id"];
    const answers = await Promise.all(
      Array.from({ length: 4 }, () =>
        place.answer<{ stdout: string }>("execWorkspace", [id, { command }]),
      ),
    );
    assert.deepEqual(
      answers.map(({ result, error }) => result?.stdout ?? error),
      Array.from({ length: 4 }, () => bootId),
    );
    const { workspaceId } = await place.pyro.statusWorkspace(id);
    await until("one supervisor is left", () => findSupervisors(workspaceId).length === 1);
  });

  it("keeps 64 MiB that were written before it stopped", async () => {
    await place.sh(id, "head -c 67108864 /dev/urandom > big");
    const written = await place.sh(id, "sha256sum big");
    assert.equal((await place.pyro.stopWorkspace(id)).state, "stopped");
    await place.pyro.startWorkspace(id);
    assert.equal(await place.sh(id, "sha256sum big"), written);
    await place.sh(id, "rm big");
  });

  it("that hangs is stopped by force, and says so", async () => {
    await place.sh(id, "sync");
    process.kill(place.monitor(id), "SIGSTOP");
    const { elapsedMs, value } = await timed(place.pyro.stopWorkspace(id));
    assert.equal(value.state, "stopped");
    assert.ok(elapsedMs < 12_000, `after ${elapsedMs} ms`);
    const { events } = await place.pyro.summarizeWorkspace(id);
    assert.match(events.at(-1)?.text ?? "", /did not end by itself and was killed/);
    await place.pyro.startWorkspace(id);
    assert.equal(await place.treeDigest(id), digest);
  });

  it("that hangs can be deleted", async () => {
    const { workspaceId } = await place.create();
    // Its supervisor is at work then, and not only about to be.
    await place.sh(workspaceId, "true");
    process.kill(place.monitor(workspaceId), "SIGSTOP");
    const { elapsedMs, value } = await timed(place.pyro.deleteWorkspace(workspaceId));
    assert.equal(value.deleted, true);
    assert.ok(elapsedMs < 5_000, `after ${elapsedMs} ms`);
  });

  it("that hangs ends a command whose time is over", async () => {
    const ended = place.pyro.execWorkspace(id, { command: ["sleep", "600"], timeoutSeconds: 2 });
    ended.catch(() => undefined);
    await place.supervisor(id);
    process.kill(place.monitor(id), "SIGSTOP");
    try {
      const { elapsedMs, value } = await timed(refusal(ended));
      assert.equal(value.code, "guest_lost");
      assert.ok(elapsedMs < 15_000, `after ${elapsedMs} ms`);
    } finally {
      process.kill(place.monitor(id), "SIGCONT");
    }
    assert.equal(await place.treeDigest(id), digest);
  });
});

describe("a workspace whose directory somebody removed", () => {
  let place: TestWorkspaces;
  before(async () => {
    place = await TestWorkspaces.open();
  });
  afterEach(() => place.assertNothingLeft());
  after(() => place[Symbol.asyncDispose]());

  const steps: Record<string, (id: string) => Promise<unknown>> = {
    delete: async (id) =>
      assert.deepEqual(await place.pyro.deleteWorkspace(id), { workspaceId: id, deleted: true }),
    list: async () => assert.deepEqual(await place.pyro.listWorkspaces(), { workspaces: [] }),
    exec: async (id) => {
      const { code, message } = await refusal(place.pyro.execWorkspace(id, { command: ["true"] }));
      assert.equal(code, "workspace_not_found");
      assert.match(message, /its files are gone/);
    },
  };
  for (const step of ["delete", "list", "exec"])
    for (const isServed of [true, false])
      it(`runs no longer after ${step}, ${isServed ? "with" : "without"} a supervisor`, async () => {
        const { workspaceId } = await place.create();
        await place.sh(workspaceId, "true");
        const monitor = place.monitor(workspaceId);
        if (!isServed) await place.killSupervisor(workspaceId);
        rmSync(place.directory(workspaceId), { recursive: true });
        await steps[step]?.(workspaceId);
        assert.equal(identifyProcess(monitor), undefined, "its machine runs on");
        await until("its supervisor is gone", () => findSupervisors(workspaceId).length === 0);
      });
});
