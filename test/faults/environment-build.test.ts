import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { afterEach, beforeEach, describe, it } from "node:test";
import { baseEnvironment, PyroHome } from "../support/home.ts";
import { endProcess, findMonitors } from "../support/host-processes.ts";
import type { PyroProcess } from "../support/process.ts";
import { until } from "../support/until.ts";

describe("building an environment of Debian's packages", () => {
  let home: PyroHome;
  beforeEach(async () => {
    home = await PyroHome.private({ images: false });
  });
  afterEach(async () => {
    await home.assertNothingLeft();
    await home.dispose();
  });

  const pull = () => home.start(["env", "pull", "--no-template", baseEnvironment]);
  const said = ({ child, ended }: PyroProcess, step: string) =>
    new Promise<void>((resolve, reject) => {
      let text = "";
      child.stderr.on("data", (chunk: Buffer) => {
        text += String(chunk);
        if (text.includes(step)) resolve();
      });
      void ended.then(({ stderr }) => reject(new TypeError(`ended with: ${stderr}`)));
    });
  const builderRuns = () =>
    until("the builder runs", () => findMonitors(home.cacheDirectory).length > 0);
  /** What holds a chroot, of which mmdebstrap makes the archive. */
  const chroots = () => readdirSync(home.temporaryDirectory).filter((n) => /mmdebstrap/.test(n));
  /** What is mounted in one, for all the host to see. */
  const mounts = () =>
    readFileSync("/proc/self/mountinfo", "utf8")
      .split("\n")
      .filter((line) => line.includes(home.temporaryDirectory));
  /** Its removal goes on after pyro has ended, for as long as the disk is busy with others. */
  const gone = () => until("the chroot is gone", () => chroots().length === 0, 9_000);

  for (const step of ["downloading packages", "installing packages", "building the image"])
    it(`ends when it is interrupted while ${step}, and leaves nothing`, async () => {
      const started = pull();
      await said(started, step);
      assert.ok(chroots().length > 0);
      started.signal("SIGINT");
      const { code, stdout, stderr } = await started.ended;
      assert.deepEqual([code, stdout], [130, ""], stderr);
      assert.match(stderr, /^error: Interrupted by SIGINT\.$/m);
      await gone();
      assert.deepEqual(mounts(), []);
    });

  it("ends when the machine that makes the image is lost, and says so", async () => {
    const started = pull();
    await said(started, "installing packages");
    await builderRuns();
    for (const pid of findMonitors(home.cacheDirectory)) endProcess(pid);
    const { code, stdout, stderr } = await started.ended;
    assert.deepEqual([code, stdout], [1, ""], stderr);
    assert.match(
      stderr,
      // On a busy host it may still be on its way.
      /^error: The (virtual machine that makes the image ended before it was done|guest did not start)/m,
    );
    assert.doesNotMatch(stderr, /bug/);
    await gone();
  });
});
