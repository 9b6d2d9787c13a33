import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import { BootVerdicts } from "../../../src/drivers/boot-verdicts.ts";
import type { BootFiles, Driver, Machine, MachineExit } from "../../../src/drivers/driver.ts";
import { PyroError } from "../../../src/model/errors.ts";

const never = new Promise<never>(() => undefined);
const ended = (exit: Partial<MachineExit>): Promise<MachineExit> =>
  Promise.resolve({ exitCode: null, signal: null, stderrTail: "", ...exit });

describe("whether guests boot", () => {
  let directory: string;
  let boot: BootFiles;
  let started: number;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), "pyro-test-"));
    const initramfsPath = join(directory, "initramfs");
    writeFileSync(initramfsPath, "");
    boot = { kernelPath: initramfsPath, initramfsPath, digest: "digest" };
    started = 0;
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  const remembered = () => join(directory, "boots-kvm.json");
  /** A driver as far as a canary needs one, whose machines speak or end. */
  const driverWhose = (machine: { console?: string; exited?: Promise<MachineExit> } | PyroError) =>
    ({
      fingerprintOf: () => "f",
      boot: async () => {
        started++;
        if (machine instanceof PyroError) throw machine;
        const { console = "", exited = never } = machine;
        return { exited, consoleTail: () => console, kill: async () => undefined } as Machine;
      },
    }) as unknown as Driver;
  const works = driverWhose({ console: "pyro-agent: no disk" });
  const aborts = driverWhose({ exited: ended({ exitCode: 134, stderrTail: "no MSR\n" }) });
  const decide = (
    driver: Driver,
    { again = false, signal = undefined as AbortSignal | undefined } = {},
  ) => new BootVerdicts(directory, "kvm").decide(driver, { boot, again, signal });

  it("is measured once", async () => {
    const first = await decide(works);
    assert.equal(first.cameUp, true);
    assert.deepEqual(await decide(aborts), first);
    assert.equal(started, 1);
  });

  it("is measured anew with another kernel of the guest", async () => {
    await decide(works);
    boot = { ...boot, digest: "another" };
    assert.equal((await decide(aborts)).cameUp, false);
  });

  it("is a no when the monitor ends, which is measured again only when asked", async () => {
    const verdict = await decide(aborts);
    assert.ok(!verdict.cameUp);
    assert.equal(verdict.reason, "a guest does not run on it: no MSR");
    assert.equal((await decide(works)).cameUp, false);
    assert.equal((await decide(works, { again: true })).cameUp, true);
    assert.equal(started, 2);
  });

  it("is no longer a no after the host's next boot", async () => {
    await decide(aborts);
    const text = readFileSync(remembered(), "utf8");
    writeFileSync(remembered(), text.replace(/"bootId":"[^"]+"/, '"bootId":"an earlier one"'));
    assert.equal((await decide(works)).cameUp, true);
  });

  it("is not answered, and not remembered, by anything else that goes wrong", async () => {
    const unavailable = new PyroError("jail_unavailable", "no namespaces");
    await assert.rejects(decide(driverWhose(unavailable)), { code: "jail_unavailable" });
    for (const exit of [{ exitCode: 127 }, { signal: "SIGKILL" }])
      await assert.rejects(decide(driverWhose({ exited: ended(exit) })), { code: "vmm_failed" });
    const signal = AbortSignal.abort(new PyroError("cancelled", "given up"));
    await assert.rejects(decide(works, { signal }), { code: "cancelled" });
    assert.equal(existsSync(remembered()), false);
    assert.equal((await decide(works)).cameUp, true);
  });

  it("is answered by a guest that a user boots, and open again once one does not come up", async () => {
    const verdicts = new BootVerdicts(directory, "kvm");
    await verdicts.record(aborts, boot, true);
    assert.deepEqual(await decide(aborts), { cameUp: true });
    await verdicts.record(aborts, boot, false);
    assert.equal((await decide(aborts)).cameUp, false);
    assert.equal(started, 1);
  });
});
