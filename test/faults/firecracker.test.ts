import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { after, afterEach, before, beforeEach, describe, it } from "node:test";
import { type StandInPlan, writeStandIn } from "../support/firecracker-stand-in.ts";
import { baseEnvironment, PyroHome } from "../support/home.ts";
import { type KvmHost, pyroOn } from "./support/kvm-host.ts";

interface Report {
  readonly can_run_guests: boolean;
  readonly driver: string | null;
  readonly accelerator: string | null;
  readonly reason: string;
  readonly checks: readonly { name: string; status: string; message: string; fix: string | null }[];
}

const open: KvmHost = { mode: "666" };
/** A guest's first words, as a canary waits for them. */
const comesUp: StandInPlan = {
  at: { "PUT /actions": "answer('204 No Content', ''); print 'pyro-agent: no disk'" },
};
const noKvm = "Internal error while starting microVM: Error creating KVM object: errno 25";
const hasNoKvm: StandInPlan = { at: { "PUT /actions": `refuse('${noKvm}')` } };

/** By a program that is Firecracker in all but its guests, which do not run. */
describe("which driver runs guests", () => {
  let home: PyroHome;
  before(async () => {
    home = await PyroHome.private();
    // Prepares the guest's kernel.
    await home.run(["true"]);
  });
  afterEach(() => home.assertNothingLeft());
  after(() => home.dispose());

  let program: string;
  let count = 0;
  beforeEach(() => {
    program = join(home.directory, `firecracker-${count++}`);
    // By an earlier one.
    rmSync(join(home.cacheDirectory, "boots-firecracker.json"), { force: true });
  });

  const pyro = (host: KvmHost, args: readonly string[], env: Record<string, string> = {}) =>
    pyroOn(host, home, { args, env: { PYRO_FIRECRACKER: program, ...env } });
  const examine = async (host: KvmHost, env: Record<string, string> = {}) => {
    const { stdout } = await pyro(host, ["doctor", "--json"], env);
    const report = JSON.parse(stdout) as Report;
    const about = report.checks.find(({ name }) => name === "firecracker");
    return { ...report, about };
  };

  it("is Firecracker where a guest came up on it, unless another is asked for", async () => {
    writeStandIn(program, comesUp);
    const found = await examine(open);
    assert.deepEqual(
      [found.can_run_guests, found.driver, found.accelerator],
      [true, "firecracker", "kvm"],
    );
    assert.match(found.reason, /^KVM works with Firecracker: a guest booted in \d+ ms\.$/);
    const other = await examine(open, { PYRO_DRIVER: "qemu" });
    assert.deepEqual([other.driver, other.accelerator], ["qemu", "tcg"]);
  });

  it("is QEMU, with the reason, where none comes up on Firecracker", async () => {
    writeStandIn(program, hasNoKvm);
    const { driver, about } = await examine(open);
    assert.equal(driver, "qemu");
    assert.deepEqual([about?.status, about?.message.includes(noKvm)], ["warn", true]);
    assert.match(about?.message ?? "", /Guests run with qemu instead\.$/);
  });

  it("is none where Firecracker is asked for and no guest comes up on it", async () => {
    writeStandIn(program, hasNoKvm);
    const env = { PYRO_DRIVER: "firecracker" };
    const { can_run_guests, driver, reason } = await examine(open, env);
    assert.deepEqual([can_run_guests, driver], [false, null]);
    assert.match(reason, /^PYRO_DRIVER is firecracker, but: Firecracker runs no guest: /);
    const { code, stderr } = await pyro(open, ["run", baseEnvironment, "--", "true"], env);
    assert.equal(code, 125);
    assert.match(stderr, /No guest can run here: PYRO_DRIVER is firecracker, but/);
    assert.match(stderr, /hint: Run pyro on a host with working KVM, or unset PYRO_DRIVER\./);
  });

  it("is not Firecracker without leave to open /dev/kvm, and the remedy is named", {
    skip: process.getuid?.() === 0 ? false : "only root can make such a device",
  }, async () => {
    writeStandIn(program, comesUp);
    const remedy = "sudo chgrp kvm /dev/kvm && sudo chmod 660 /dev/kvm, and be in the group kvm";
    const byRoot = await examine({ mode: "600" });
    assert.equal(byRoot.driver, "qemu");
    assert.match(
      byRoot.about?.message ?? "",
      /^Firecracker needs KVM: \/dev\/kvm is open to root alone, and pyro never runs a monitor as root/,
    );
    assert.equal(byRoot.about?.fix, remedy);
    const ordinary = await examine({ mode: "000", isOrdinaryUser: true });
    assert.match(
      ordinary.about?.message ?? "",
      /^Firecracker needs KVM: \/dev\/kvm is missing or not accessible to you\./,
    );
    assert.equal(ordinary.about?.fix, remedy);
    const without = await examine({});
    assert.equal(
      without.about?.fix,
      "Run pyro on a host with KVM, or in a virtual machine that passes it on.",
    );
  });

  it("is another one once KVM is lost, and the start that finds out says so", async () => {
    writeStandIn(program, comesUp);
    assert.equal((await examine(open)).driver, "firecracker");
    writeStandIn(program, hasNoKvm);
    const run = () => pyro(open, ["run", baseEnvironment, "--", "echo", "works"]);
    const first = await run();
    assert.deepEqual([first.stdout, first.code], ["", 125]);
    assert.ok(first.stderr.includes(noKvm), first.stderr);
    const second = await run();
    assert.deepEqual([second.stdout, second.code], ["works\n", 0], second.stderr);
  });
});
