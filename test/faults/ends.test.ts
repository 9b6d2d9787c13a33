import assert from "node:assert/strict";
import { once } from "node:events";
import { after, afterEach, before, describe, it } from "node:test";
import { Pyro, PyroError } from "../../src/index.ts";
import { baseEnvironment, PyroHome } from "../support/home.ts";
import { findMonitor } from "../support/host-processes.ts";

const lost = {
  ended: "error: The guest stopped before it said how the command ended.\n",
  silent:
    "error: The guest stopped answering.\nhint: The virtual machine may have crashed; run the command again.\n",
};

describe("a run that is ended from outside", () => {
  let home: PyroHome;
  before(async () => {
    home = await PyroHome.warm();
  });
  afterEach(() => home.assertNothingLeft());
  after(() => home.dispose());

  /** A run whose command has said that it runs and then would wait for ever. */
  const waiting = async () => {
    const command = ["sh", "-c", "echo ready; sleep 600"];
    const started = home.start(["run", baseEnvironment, "--", ...command], { openInput: true });
    await started.said("ready\n");
    return started;
  };

  const assertLost = (ended: { stderr: string; code: number | null }) => {
    assert.ok([lost.ended, lost.silent].includes(ended.stderr), ended.stderr);
    assert.equal(ended.code, 125);
  };

  it("says that the guest is lost when the monitor is killed", async () => {
    const started = await waiting();
    process.kill(await findMonitor(home.stateDirectory), "SIGKILL");
    const ended = await started.ended;
    assert.equal(ended.stdout, "ready\n");
    assertLost(ended);
  });

  it("says so to a caller of the SDK, by code", async () => {
    const { cacheDirectory, stateDirectory } = home;
    using pyro = new Pyro({ cacheDirectory, stateDirectory });
    const onStdout = async () => {
      process.kill(await findMonitor(stateDirectory), "SIGKILL");
    };
    const command = ["sh", "-c", "echo ready; sleep 600"];
    await assert.rejects(
      pyro.runInVm({ environment: baseEnvironment, command, onStdout }),
      (error) => error instanceof PyroError && error.code === "guest_lost",
    );
  });

  for (const [signal, code] of [
    ["SIGINT", 130],
    ["SIGTERM", 143],
    ["SIGHUP", 129],
  ] as const)
    it(`ends with ${code} on ${signal}, without a word`, async () => {
      const started = await waiting();
      started.signal(signal);
      const ended = await started.ended;
      assert.deepEqual([ended.stdout, ended.stderr, ended.code], ["ready\n", "", code]);
    });

  it("ends at once on a second signal", async () => {
    const started = await waiting();
    started.signal("SIGINT");
    started.signal("SIGINT");
    assert.equal((await started.ended).code, 130);
  });

  it("takes its monitor along when it is killed", async () => {
    const started = await waiting();
    await findMonitor(home.stateDirectory);
    started.signal("SIGKILL");
    assert.equal((await started.ended).signal, "SIGKILL");
  });

  it("is killed while the guest starts", async () => {
    const started = home.start(["run", baseEnvironment, "--", "true"]);
    await findMonitor(home.stateDirectory);
    started.signal("SIGKILL");
    await started.ended;
  });

  it("is interrupted while the guest starts", async () => {
    const started = home.start(["run", baseEnvironment, "--", "sleep", "600"]);
    await findMonitor(home.stateDirectory);
    started.signal("SIGINT");
    const { stderr, code } = await started.ended;
    assert.deepEqual([stderr, code], ["", 130]);
  });

  it("stops the guest when its reader goes away", async () => {
    const started = home.start(["run", baseEnvironment, "--", "yes"], { ownStdout: true });
    await once(started.child.stdout, "data");
    started.child.stdout.destroy();
    const { stderr, code } = await started.ended;
    assert.deepEqual([stderr, code], ["", 141]);
  });

  for (const [key, what] of [
    ["c", "panics"],
    ["b", "restarts"],
    ["o", "powers off"],
  ])
    it(`says that the guest is lost when its kernel ${what}`, async () => {
      const crash = `echo ready; echo ${key} > /proc/sysrq-trigger; sleep 600`;
      const ended = await home.run(["sh", "-c", crash]);
      assertLost(ended);
    });
});
