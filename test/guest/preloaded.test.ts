import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { after, before, beforeEach, describe, it } from "node:test";
import { killProcess, type ProcessIdentity } from "../../src/platform/processes.ts";
import { commandLinePaths, waitingCommandLine } from "../../src/workspace/standby/command-line.ts";
import { writeSettings } from "../../src/workspace/standby/standby-settings.ts";
import { baseEnvironment, repository } from "../support/home.ts";
import { TestStandbys } from "../support/standbys.ts";
import { until } from "../support/until.ts";

const env = { PYRO_STANDBY: "", PYRO_TRACE: "" };

describe("a command that is run by a process which waited for it", () => {
  let place: TestStandbys;
  let runner: ProcessIdentity;
  before(async () => {
    place = await TestStandbys.open();
  });
  beforeEach(async () => {
    const { standbys } = place.host;
    mkdirSync(standbys.root, { recursive: true, mode: 0o700 });
    await writeSettings(standbys, { environment: baseEnvironment, count: 1, idleSeconds: 900 });
    await place.home.pyro(["workspace", "exec", "nobody", "--", "true"], { env });
    const { socket } = commandLinePaths(standbys);
    await until("a command line waits", () => existsSync(socket));
    runner = waitingCommandLine(standbys)?.process ?? assert.fail();
  });
  after(() => place[Symbol.asyncDispose]());
  const assertNothingLeft = async () => {
    await place.home.pyro(["standby", "off"]);
    await place.home.assertNothingLeft();
  };
  const isTaken = () => waitingCommandLine(place.host.standbys)?.process.pid !== runner.pid;

  it("has its streams and its exit code", async () => {
    const input = randomBytes(3_000_001);
    const script = "cat; echo done >&2; exit 7";
    const { code, bytes, stderr } = await place.home.run(["sh", "-c", script], { env, input });
    assert.deepEqual([code, stderr, isTaken()], [7, "done\n", true]);
    assert.ok(bytes.equals(input));
  });

  it("is the very next one after standbys were turned on", async () => {
    await place.home.pyro(["standby", "off"]);
    await place.home.pyro(["standby", "on", baseEnvironment], { env });
    runner = waitingCommandLine(place.host.standbys)?.process ?? assert.fail("none waits");
    const { code } = await place.home.run(["true"], { env });
    assert.deepEqual([code, isTaken()], [0, true]);
  });

  it("is interrupted as one of one's own", async () => {
    const started = place.home.start(
      ["run", baseEnvironment, "--", "sh", "-c", "echo in; sleep 100"],
      { env },
    );
    await started.said("in");
    assert.ok(isTaken());
    started.signal("SIGINT");
    const { code } = await started.ended;
    assert.equal(code, 130);
    await assertNothingLeft();
  });

  for (const victim of ["caller", "runner"] as const)
    it(`is gone with all that it had when its ${victim} is killed`, async () => {
      const started = place.home.start(
        ["run", baseEnvironment, "--", "sh", "-c", "echo in; sleep 100"],
        { env },
      );
      await started.said("in");
      assert.ok(isTaken());
      if (victim === "caller") started.signal("SIGKILL");
      else await killProcess(runner);
      const { code, signal, stderr } = await started.ended;
      if (victim === "caller") assert.equal(signal, "SIGKILL");
      else
        assert.deepEqual(
          [code, stderr],
          [137, "error: the process that ran this command line is gone.\nhint: Run it again.\n"],
        );
      await assertNothingLeft();
    });

  it("ends when nobody reads any more", async () => {
    const pyro = join(repository, "bin", "pyro");
    const script = `{ "${pyro}" run ${baseEnvironment} -- yes; echo $? >&2; } | head -c 10`;
    const { stdout, stderr } = await place.home.startProgram(["sh", "-c", script], { env }).ended;
    assert.deepEqual([stdout, stderr, isTaken()], ["y\ny\ny\ny\ny\n", "141\n", true]);
    await assertNothingLeft();
  });

  it("has what it wrote before it ended, however late it is read", async () => {
    const script = `"${join(repository, "bin", "pyro")}" run ${baseEnvironment} -- head -c 2000000 /dev/zero | { sleep 2; wc -c; }`;
    const { stdout } = await place.home.startProgram(["sh", "-c", script], { env }).ended;
    assert.deepEqual([stdout, isTaken()], ["2000000\n", true]);
  });

  it("takes a machine that waited, too", async () => {
    await place.keep();
    const { isClaimed, stdout } = await place.run(["echo", "hello"], {
      env: { ...env, PYRO_TRACE: "1" },
    });
    assert.deepEqual([stdout, isClaimed, isTaken()], ["hello\n", true, true]);
    await until("another machine waits", () => place.waiting.length === 1, 3_000);
    await assertNothingLeft();
  });
});
