import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { connect } from "node:net";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import { killProcess } from "../../src/platform/processes.ts";
import { Standbys } from "../../src/workspace/machines/standbys.ts";
import {
  commandLinePaths,
  endCommandLine,
  waitingCommandLine,
} from "../../src/workspace/standby/command-line.ts";
import { PyroHome, repository } from "../support/home.ts";
import { findProcesses } from "../support/host-processes.ts";
import type { StartOptions } from "../support/process.ts";
import { until } from "../support/until.ts";

/** Commands that fail are answered without a guest. */
const failing = ["workspace", "exec", "nobody", "--", "true"];
const env = { PYRO_STANDBY: "1" };

describe("a command line that is loaded and waits", () => {
  let home: PyroHome;
  let standbys: Standbys;
  const waiting = () => waitingCommandLine(standbys)?.process.pid;
  /** Has one wait, and answers its process. */
  const oneWaits = async () => {
    await home.pyro(failing, { env });
    await until("a command line waits", () => existsSync(commandLinePaths(standbys).socket));
    const pid = waiting();
    assert.ok(pid);
    return pid;
  };
  /** What a command says and how it ends, by a process of its own and by one that waits. */
  const bothWays = async (args: readonly string[], options: StartOptions = {}) => {
    const own = await home.pyro(args, { ...options, env: { ...options.env, PYRO_STANDBY: "0" } });
    const pid = await oneWaits();
    const handed = await home.pyro(args, { ...options, env: { ...env, ...options.env } });
    assert.notEqual(waiting(), pid, "the one that waited has run it");
    return [own, handed].map(({ code, signal, stdout, stderr }) => ({
      code,
      signal,
      stdout,
      stderr,
    }));
  };
  beforeEach(() => {
    home = PyroHome.empty();
    standbys = new Standbys(home.stateDirectory);
  });
  afterEach(async () => {
    // Some may be on their way still, of which one would wait; a look may miss one that is just being started.
    let cleanLooks = 0;
    await until("none is left", async () => {
      await endCommandLine(standbys);
      const left = findProcesses({ sessions: [], directories: [home.stateDirectory] });
      cleanLooks = left.length === 0 ? cleanLooks + 1 : 0;
      return cleanLooks === 3;
    });
    await home.dispose();
  });

  it("answers as a process of one's own does, and another waits afterwards", async () => {
    const [own, handed] = await bothWays(failing);
    assert.deepEqual(handed, own);
    assert.match(own?.stderr ?? "", /nobody/);
    await until("another one waits", () => waiting() !== undefined);
  });

  it("has the caller's environment, directory and words", async () => {
    for (const [args, options] of [
      [failing, { env: { PYRO_DRIVER: "a driver's name\nin two lines" } }],
      [["workspace", "create", "debian:12", "--seed-path", "missing"], { cwd: "/usr" }],
      [["workspace", "exec", "a b", "--label", "", "--", "ü", "*"], {}],
      [["run"], {}],
      [["run", "--help"], {}],
    ] as const) {
      const [own, handed] = await bothWays(args, options);
      assert.deepEqual(handed, own);
    }
  });

  for (const [who, how] of Object.entries({
    "may gain less than it": { prefix: ["setpriv", "--no-new-privs"] },
    "may use fewer processors": { prefix: ["taskset", "--cpu-list", "0"] },
    "comes after others": { prefix: ["nice"] },
    "may write less": { prefix: ["prlimit", "--fsize=100000000"] },
    "was started another way": { env: { NODE_OPTIONS: "--no-warnings" } },
    "does not want any": { env: { PYRO_STANDBY: "0" } },
  }))
    it(`is not for a caller that ${who}`, {
      skip: /processors/.test(who) && availableParallelism() === 1 && "there is one processor",
    }, async () => {
      const pid = await oneWaits();
      const { prefix = [], env: more = {} } = how as {
        prefix?: string[];
        env?: Record<string, string>;
      };
      const command = [...prefix, join(repository, "bin", "pyro"), ...failing];
      const { code, stderr } = await home.startProgram(command, { env: { ...env, ...more } }).ended;
      assert.deepEqual([code, /nobody/.test(stderr)], [125, true], stderr);
      assert.equal(waiting(), pid);
    });

  it("is not for a caller in another network", async () => {
    const pid = await oneWaits();
    const command = [
      "unshare",
      "--user",
      "--map-current-user",
      "--net",
      join(repository, "bin", "pyro"),
      ...failing,
    ];
    const { code, stderr } = await home.startProgram(command, { env }).ended;
    assert.deepEqual([code, /nobody/.test(stderr)], [125, true], stderr);
    assert.equal(waiting(), pid);
  });

  it("leaves what it does not read to whoever comes next", async () => {
    await oneWaits();
    const script = `"${join(repository, "bin", "pyro")}" ${failing.join(" ")} 2>/dev/null; cat`;
    const { stdout } = await home.startProgram(["sh", "-c", script], { env, input: "rest" }).ended;
    assert.equal(stdout, "rest");
  });

  it("serves one of several, and the others serve themselves", async () => {
    await oneWaits();
    const all = await Promise.all(Array.from({ length: 6 }, () => home.pyro(failing, { env })));
    for (const { code, stderr } of all)
      assert.deepEqual([code, /nobody/.test(stderr)], [125, true]);
  });

  it("is not missed when it is gone", async () => {
    await oneWaits();
    const { process } = waitingCommandLine(standbys) ?? assert.fail();
    await killProcess(process);
    assert.ok(existsSync(commandLinePaths(standbys).socket));
    const { code, stderr } = await home.pyro(failing, { env });
    assert.deepEqual([code, /nobody/.test(stderr)], [125, true], stderr);
    await until("another one waits", () => waiting() !== undefined);
  });

  it("lets nobody in who says something else, or nothing", async () => {
    const pid = await oneWaits();
    const { socket } = commandLinePaths(standbys);
    for (const said of [
      "",
      "0\n",
      "99999999999\n",
      "-1\n",
      "5\nabc",
      `12\n1\0\0\0\0\0\0\0\0\0\0\0`,
      "x".repeat(5000),
    ]) {
      const caller = connect(socket).on("error", () => undefined);
      caller.resume().end(said);
      await new Promise((resolve) => caller.once("close", resolve));
    }
    assert.equal(waiting(), pid);
    const [own, handed] = await bothWays(failing);
    assert.deepEqual(handed, own);
  });

  it("ends when standbys are turned off, and leaves nothing", async () => {
    await oneWaits();
    await home.pyro(["standby", "off"]);
    assert.equal(waiting(), undefined);
    await home.assertNothingLeft();
  });
});
