import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import { QemuProbe } from "../../../src/drivers/qemu/qemu-probe.ts";

const install = "sudo apt-get install qemu-system-x86";

describe("looking for QEMU", () => {
  let directory: string;
  let measured: number;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), "pyro-test-"));
    measured = 0;
    writeFileSync(firmware(), "firmware");
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  const program = () => join(directory, "qemu-system-x86_64");
  const pretend = (script: string) => {
    const directories = `[ "$1" = -L ] && exec echo "${directory}"`;
    writeFileSync(program(), `#!/bin/sh\n${directories}\n${script}\n`);
    chmodSync(program(), 0o755);
  };
  const firmware = () => join(directory, "qboot.rom");
  const probe = async ({ requireKvm = false } = {}) =>
    new QemuProbe({
      cacheDirectory: directory,
      requireKvm,
      guardianProgram: "/nowhere",
      searchPath: `/nowhere:${directory}`,
      measureTsc: async () => 2_000_000 + measured++,
    }).probe({ boot: undefined });
  const statusOf = async () => (await probe()).status;

  it("names the package when it is missing", async () => {
    assert.deepEqual(await statusOf(), {
      usable: false,
      version: undefined,
      accelerator: undefined,
      proof: undefined,
      reason: "qemu-system-x86_64 is not installed.",
      fix: install,
    });
  });

  it("does not take a file that is no program", async () => {
    writeFileSync(program(), "not executable");
    assert.equal((await statusOf()).reason, "qemu-system-x86_64 is not installed.");
  });

  it("refuses one that is too old", async () => {
    for (const [version, usable] of [
      ["6.2.0", false],
      ["7.1.9", false],
      ["7.2.0", true],
      ["10.0.0", true],
    ] as const) {
      pretend(`echo "QEMU emulator version ${version} (Debian)"`);
      const status = await statusOf();
      assert.deepEqual([status.usable, status.version], [usable, version]);
      if (!usable) assert.equal(status.reason, `QEMU ${version} is older than 7.2.`);
      // The verdict depends on the file; another second makes another file.
      rmSync(program());
    }
  });

  it("says so when it does not run, or does not say its version", async () => {
    pretend("exit 1");
    const failed = await statusOf();
    assert.equal(failed.usable, false);
    assert.ok(failed.reason.startsWith(`${program()} does not run: `), failed.reason);
    rmSync(program());
    pretend("echo nothing of the kind");
    assert.equal((await statusOf()).reason, `${program()} does not say its version.`);
  });

  it("names the package of a missing firmware, and sees it once it is there", async () => {
    pretend('echo "QEMU emulator version 10.0.0"');
    rmSync(firmware());
    const { usable, reason, fix } = await statusOf();
    assert.deepEqual([usable, fix], [false, "sudo apt-get install qemu-system-data"]);
    assert.equal(reason, `QEMU's firmware qboot.rom is in none of its directories: ${directory}.`);
    writeFileSync(firmware(), "firmware");
    assert.equal((await statusOf()).usable, true);
  });

  it("keeps apart what was saved with another firmware", async () => {
    pretend('echo "QEMU emulator version 10.0.0"');
    const before = (await probe()).driver?.fingerprintOf("v2");
    writeFileSync(firmware(), "another");
    assert.notEqual((await probe()).driver?.fingerprintOf("v2"), before);
  });

  it("keeps apart what was saved with another CPU", async () => {
    pretend('echo "QEMU emulator version 10.0.0"');
    const { driver } = await probe();
    assert.ok(driver);
    const isKvm = driver.capabilities.isolation === "hardware";
    assert.equal(driver.fingerprintOf("v2") === driver.fingerprintOf("v3"), isKvm);
  });

  it("asks for the version and measures the clock once", async () => {
    pretend(`echo "QEMU emulator version 8.2.0"; echo asked >> ${directory}/asked`);
    const first = await probe();
    const second = await probe();
    assert.equal(readFileSync(join(directory, "asked"), "utf8"), "asked\n");
    assert.equal(measured, 1);
    assert.equal(second.driver?.fingerprintOf("v2"), first.driver?.fingerprintOf("v2"));
  });

  it("agrees on one clock rate with probes that run at the same time", async () => {
    pretend('echo "QEMU emulator version 8.2.0"');
    const probes = await Promise.all(Array.from({ length: 8 }, () => probe()));
    assert.equal(new Set(probes.map(({ driver }) => driver?.fingerprintOf("v2"))).size, 1);
    assert.equal(measured, 1);
  });

  it("is no driver where KVM is required and untested", async () => {
    pretend('echo "QEMU emulator version 8.2.0"');
    const { status, driver } = await probe({ requireKvm: true });
    assert.equal(driver, undefined);
    assert.match(status.reason, /^PYRO_REQUIRE_KVM is set, but /);
  });
});
