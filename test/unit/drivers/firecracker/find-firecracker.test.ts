import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import {
  type FirecrackerAccount,
  findFirecracker,
} from "../../../../src/drivers/firecracker/find-firecracker.ts";
import { LazyFirecrackerProbe } from "../../../../src/drivers/firecracker/lazy-probe.ts";
import { RememberedFact } from "../../../../src/drivers/remembered-fact.ts";

describe("looking for Firecracker", () => {
  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), "pyro-test-"));
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  const program = () => join(directory, "firecracker");
  const put = (content: string | Buffer) => {
    // Another file, for whoever remembers what this one said.
    rmSync(program(), { force: true });
    writeFileSync(program(), content);
    chmodSync(program(), 0o755);
  };
  /** A program that says of itself what Firecracker of this version does. */
  const pretend = (version: string, snapshotVersion = "v6.0.0") =>
    put(
      `#!/bin/sh\necho asked >> ${directory}/asked\ncase $1 in\n--version) echo "Firecracker v${version}"; echo; echo "exiting";;\n--snapshot-version) echo "${snapshotVersion}";;\nesac\n`,
    );
  const find = (given?: string) =>
    findFirecracker(
      { given, searchPath: `/nowhere:${directory}` },
      new RememberedFact<FirecrackerAccount>(join(directory, "fact.json")),
    );
  const faultOf = async (given?: string) => {
    const found = await find(given);
    assert.ok("reason" in found, JSON.stringify(found));
    assert.match(found.fix, /releases, and put it on the PATH .*PYRO_FIRECRACKER/);
    return found;
  };

  it("says that there is none, and how to get one", async () => {
    const { reason, isAbsent } = await faultOf();
    assert.deepEqual([reason, isAbsent], ["firecracker is not installed.", true]);
  });

  it("takes it from the PATH, or from where it is said to be", async () => {
    pretend("1.14.2", "v8.0.0");
    const expected = { program: program(), version: "1.14.2", snapshotVersion: "8.0.0" };
    assert.deepEqual(await find(), expected);
    assert.deepEqual(await find(program()), expected);
  });

  it("does not look elsewhere where it is said to be in one place", async () => {
    pretend("1.14.2");
    const { reason, isAbsent } = await faultOf("/nowhere/firecracker");
    assert.equal(
      reason,
      "PYRO_FIRECRACKER is /nowhere/firecracker, which is no program that can be run.",
    );
    assert.equal(isAbsent, false);
  });

  it("refuses what is too old, or is known to lose its guests", async () => {
    for (const [version, reason] of [
      ["0.25.2", "Firecracker 0.25.2 is older than 1.12."],
      ["1.11.0", "Firecracker 1.11.0 is older than 1.12."],
      ["1.16.0", "Firecracker 1.16.0 loses its guests when it restores them."],
    ] as const) {
      pretend(version);
      const fault = await faultOf();
      assert.deepEqual([fault.version, fault.reason], [version, reason]);
    }
    for (const version of ["1.12.0", "1.16.1", "1.17.0-dev", "2.0.0"]) {
      pretend(version);
      assert.ok("program" in (await find()), version);
    }
  });

  it("names the architecture of a program for another one", async () => {
    const elf = Buffer.alloc(64);
    elf.write("\x7fELF", "latin1");
    elf.writeUInt16LE(0xb7, 18);
    put(elf);
    assert.equal((await faultOf()).reason, `${program()} is for aarch64, and this is x86_64.`);
  });

  it("says so when it does not run, or says something else", async () => {
    put("#!/bin/sh\nexit 3\n");
    assert.match((await faultOf()).reason, / does not run: /);
    put("#!/bin/sh\necho something else\n");
    assert.equal((await faultOf()).reason, `${program()} does not say its version.`);
    put('#!/bin/sh\n[ "$1" = --version ] && echo "Firecracker v1.14.0"\n');
    assert.match((await faultOf()).reason, /does not run|does not say which snapshots it reads/);
  });

  it("asks once", async () => {
    pretend("1.12.1");
    await find();
    await find();
    assert.equal(readFileSync(join(directory, "asked"), "utf8"), "asked\nasked\n");
  });

  it("is a driver that is passed over where it is absent, and an error where it was asked for", async () => {
    const probe = (isRequired: boolean) =>
      new LazyFirecrackerProbe({
        cacheDirectory: directory,
        guardianProgram: "/nowhere",
        given: undefined,
        searchPath: directory,
        isRequired,
      }).probe({ boot: undefined });
    const passedOver = await probe(false);
    assert.deepEqual([passedOver.driver, passedOver.status.isAbsent], [undefined, true]);
    const { status } = await probe(true);
    assert.equal(status.usable, false);
    assert.equal(status.reason, "PYRO_DRIVER is firecracker, but: firecracker is not installed.");
    assert.match(status.fix ?? "", /^Install Firecracker 1\.12 or newer/);
  });
});
