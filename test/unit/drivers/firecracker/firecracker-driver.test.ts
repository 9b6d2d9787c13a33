import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { release } from "node:os";
import { join } from "node:path";
import { after, afterEach, beforeEach, describe, it } from "node:test";
import type { MachineSpec } from "../../../../src/drivers/driver.ts";
import { bootRequests } from "../../../../src/drivers/firecracker/configuration.ts";
import { FirecrackerDriver } from "../../../../src/drivers/firecracker/firecracker-driver.ts";
import { adoptFirecrackerMachine } from "../../../../src/drivers/firecracker/firecracker-machine.ts";
import { layoutFingerprint } from "../../../../src/drivers/firecracker/layout.ts";
import { isAlive, type ProcessIdentity } from "../../../../src/platform/processes.ts";
import { type StandInPlan, writeStandIn } from "../../../support/firecracker-stand-in.ts";
import { builtAgent, scratchDirectory } from "../../../support/home.ts";
import { until } from "../../../support/until.ts";

const directory = scratchDirectory();
after(() => rmSync(directory, { recursive: true, force: true }));

const program = join(directory, "firecracker");
const noBoots = { record: async () => undefined };
const driverOf = ({ version = "1.14.2", snapshotVersion = "8.0.0", cpuModel = "a CPU" } = {}) =>
  new FirecrackerDriver(
    { program, version, snapshotVersion, cpuModel, kvmGid: undefined, guardianProgram: builtAgent },
    noBoots,
  );
const never = new AbortController().signal;
const bootPaths = [
  "machine-config",
  "boot-source",
  "drives/env",
  "drives/data",
  "vsock",
  "entropy",
  "actions",
];

describe("a machine of Firecracker's", {
  skip: existsSync("/dev/kvm") ? false : "its jail shows it /dev/kvm, and there is none",
}, () => {
  let spec: MachineSpec;
  let disks: number[];
  let machines: ProcessIdentity[];
  let count = 0;
  const file = (name: string) => {
    const path = join(directory, `${count++}-${name}`);
    writeFileSync(path, name);
    return path;
  };
  beforeEach(() => {
    disks = [openSync(file("environment"), "r"), openSync(file("data"), "r+")];
    machines = [];
    const [environmentDisk = 0, dataDisk = 0] = disks;
    spec = {
      vcpuCount: 1,
      memMib: 128,
      boot: { kernelPath: file("kernel"), initramfsPath: file("initramfs"), digest: "digest" },
      role: "workload",
      environmentDisk,
      dataDisk,
      lifetime: "caller",
    };
  });
  afterEach(() => {
    for (const fd of disks) closeSync(fd);
    for (const identity of machines) if (isAlive(identity)) process.kill(identity.pid, "SIGKILL");
  });

  const bootWith = async (plan: StandInPlan, more: Partial<MachineSpec> = {}) => {
    writeStandIn(program, plan);
    const machine = await driverOf().boot({ ...spec, ...more });
    machines.push(machine.identity);
    return machine;
  };
  const saved = () => ({ memoryPath: file("memory"), statePath: file("state") });
  const restoreWith = async (plan: StandInPlan, template = saved()) => {
    writeStandIn(program, plan);
    const machine = await driverOf().restore(spec, template);
    machines.push(machine.identity);
    return machine;
  };

  it("is configured, started and reached, and its console is read", async () => {
    const machine = await bootWith({});
    const channel = await machine.openChannel(never);
    channel.write("PYRO/1 nonce\n");
    const [echo] = await Array.fromAsync(channel.take(1) as AsyncIterable<Buffer>);
    assert.equal(String(echo), "PYRO/1 nonce\n");
    await until("all of it is on the console", () => machine.consoleTail().includes("/actions"));
    const lines = machine.consoleTail().trim().split("\n");
    assert.deepEqual(
      lines.map((line) => line.split(" ").slice(0, 2)),
      bootPaths.map((path) => ["PUT", `/${path}`]),
    );
    assert.match(lines.at(-1) ?? "", /"action_type":"InstanceStart"/);
    await machine.kill();
    assert.equal(isAlive(machine.identity), false);
  });

  it("is told of as killed, whatever it was doing", async () => {
    const plans: StandInPlan[] = [
      { first: "stop();" },
      { first: "listening('/api.sock'); stop();" },
      ...bootPaths.map((path) => ({ at: { [`PUT /${path}`]: "stop()" } })),
      { at: { "PUT /vsock": "syswrite($client, 'HTTP/1.1 2'); stop()" } },
      { at: { "PUT /actions": "answer('204 No Content', ''); stop()" } },
      { connected: "stop()" },
    ];
    for (const plan of plans) {
      const machine = await bootWith(plan);
      const channel = machine.openChannel(never);
      const lost = assert.rejects(channel, { code: "guest_lost" }, JSON.stringify(plan));
      await until("it is there", () => machine.consoleTail().includes("stopped here"));
      process.kill(machine.identity.pid, "SIGKILL");
      await lost;
      const { exitCode, signal } = await machine.exited;
      // bubblewrap, which is what we started, ends with what a shell would.
      assert.deepEqual([exitCode, signal], [137, null], JSON.stringify(plan));
    }
  });

  it("ends with Firecracker's words when a request is refused", async () => {
    for (const path of bootPaths) {
      const machine = await bootWith({ at: { [`PUT /${path}`]: "refuse('No such thing.')" } });
      const { exitCode, stderrTail } = await machine.exited;
      assert.equal(exitCode, 1);
      assert.equal(stderrTail, `Firecracker refused PUT /${path}: No such thing.\n`);
      await assert.rejects(machine.openChannel(never), { code: "guest_lost" });
    }
  });

  it("ends with what it said itself when it gives up", async () => {
    const machine = await bootWith({ first: "print STDERR qq(no KVM\\n); exit 148;" });
    const { exitCode, stderrTail } = await machine.exited;
    assert.deepEqual([exitCode, stderrTail], [148, "no KVM\n"]);
  });

  it("is not restored from what another version saved", async () => {
    const words = "Load snapshot error: Snapshot version mismatch: 6.0.0 is not 8.0.0";
    const machine = await restoreWith({ at: { "PUT /snapshot/load": `refuse('${words}')` } });
    assert.match(
      (await machine.exited).stderrTail,
      /refused PUT \/snapshot\/load: Load snapshot error: .* 6\.0\.0/,
    );
  });

  it("is restored any number of times at once from what is saved once, and written by none", async () => {
    const template = saved();
    const clones = await Promise.all([1, 2, 3].map(() => restoreWith({}, template)));
    for (const clone of clones) (await clone.openChannel(never)).destroy();
    for (const clone of clones) {
      assert.match(
        clone.consoleTail(),
        /^PUT \/snapshot\/load .*"backend_type":"File".*"resume_vm":true/,
      );
      assert.equal(clone.consoleTail().trim().split("\n").length, 1);
      await clone.kill();
    }
    assert.equal(readFileSync(template.memoryPath, "utf8"), "memory");
    assert.equal(statSync(template.memoryPath).uid, process.getuid?.());
  });

  it("is stopped and saved into files that are ours once they are written", async () => {
    writeStandIn(program, {});
    const template = { memoryPath: join(directory, "m"), statePath: join(directory, "s") };
    const machine = await driverOf().bootSavable(spec, template);
    machines.push(machine.identity);
    await (await machine.openChannel(never)).destroy();
    await machine.saveState();
    await until("it was told", () => machine.consoleTail().includes("/snapshot/create"));
    const [machineConfig = "", ...rest] = machine.consoleTail().trim().split("\n");
    assert.match(machineConfig, /"track_dirty_pages":true/);
    assert.deepEqual(
      rest.slice(-2).map((line) => line.split(" ").slice(0, 2).join(" ")),
      ["PATCH /vm", "PUT /snapshot/create"],
    );
    assert.match(rest.at(-1) ?? "", /"snapshot_type":"Diff"/);
    const { uid, mode } = statSync(template.statePath);
    assert.deepEqual([uid, mode & 0o777], [process.getuid?.(), 0o444]);
    await machine.kill();
  });

  it("is ended, with the reason, when something else is in the place of its socket", async () => {
    for (const squat of [
      "mkdir '/api.sock'; sleep 60;",
      "open(my $f, '>', '/api.sock'); sleep 60;",
      "symlink('/dev/null', '/api.sock'); sleep 60;",
    ]) {
      const machine = await bootWith({ first: squat });
      const { stderrTail } = await machine.exited;
      assert.match(stderrTail, /has something else in the place of its socket \/api\.sock\./);
      assert.equal(isAlive(machine.identity), false);
    }
  });

  it("lets whoever waits for it give up", async () => {
    const machine = await bootWith({ connected: "next" });
    const stop = new AbortController();
    const waiting = machine.openChannel(stop.signal);
    await until("it is running", () => machine.consoleTail().includes("/actions"));
    stop.abort(new TypeError("given up"));
    await assert.rejects(waiting, /given up/);
    assert.ok(isAlive(machine.identity));
    await machine.kill();
  });

  it("outlives us in a directory whose name no socket could have, and is taken over", async () => {
    const place = join(directory, "d".repeat(200));
    mkdirSync(place, { mode: 0o700 });
    let claimed: ProcessIdentity | undefined;
    const claim = (identity: ProcessIdentity) => {
      claimed = identity;
    };
    const lifetime = { directory: place, ttlMs: 60_000, claim };
    const machine = await bootWith({}, { lifetime });
    assert.deepEqual(claimed, machine.identity);
    (await machine.openChannel(never)).destroy();
    await until("its console was read", () => machine.consoleTail().includes("/actions"));
    machine.leaveConsole();
    const adopted = adoptFirecrackerMachine(machine.identity, place);
    (await adopted.openChannel(never)).destroy();
    // What it lacks is a filter: it is a stand-in. All that it has open is its own.
    await assert.rejects(adopted.verifyConfinement(), {
      message: /is not confined: no system call filter\.$/,
    });
    await adopted.exited;
    assert.equal(isAlive(machine.identity), false);
  });

  it("has at most as many processors as Firecracker runs", async () => {
    await assert.rejects(driverOf().boot({ ...spec, vcpuCount: 33 }), {
      code: "not_supported",
      message: /at most 32 vCPUs, but this one has 33/,
    });
  });
});

describe("what a machine of Firecracker's was saved with", () => {
  it("is told apart by version, snapshot format and CPU", () => {
    const all = [
      {},
      { version: "1.14.3" },
      { snapshotVersion: "9.0.0" },
      { cpuModel: "another CPU" },
    ].map((one) => driverOf(one).fingerprintOf());
    assert.equal(new Set(all).size, all.length);
    assert.equal(driverOf().fingerprintOf(), driverOf().fingerprintOf());
  });

  it("is told apart by its devices: what was saved without one is not resumed as if it had it", () => {
    const disk = { path: "", isReadOnly: false };
    const machine = bootRequests(
      { vcpuCount: 1, memMib: 1024, role: "workload" },
      { environment: disk, data: disk, target: undefined, boot: undefined, saved: undefined },
    );
    const fingerprintWith = (devices: typeof machine) => {
      const host = ["firecracker", "1.14.2", "8.0.0", release(), "a CPU", layoutFingerprint()];
      const described = [...host, JSON.stringify(devices)].join("\0");
      return createHash("sha256").update(described).digest("hex");
    };
    const current = driverOf().fingerprintOf();
    assert.equal(current, fingerprintWith(machine));
    const without = machine.filter(({ path }) => path !== "/entropy");
    assert.equal(without.length, machine.length - 1);
    assert.notEqual(current, fingerprintWith(without));
  });
});
