import assert from "node:assert/strict";
import { closeSync, existsSync, openSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, afterEach, beforeEach, describe, it } from "node:test";
import { Descriptors } from "../../../../src/drivers/descriptors.ts";
import {
  giveToMonitor,
  showToMonitor,
  takeFromMonitor,
} from "../../../../src/drivers/disk-ownership.ts";
import type { MachineSpec } from "../../../../src/drivers/driver.ts";
import { placeFiles } from "../../../../src/drivers/firecracker/layout.ts";
import { jailIdentity } from "../../../../src/drivers/jail.ts";
import { scratchDirectory } from "../../../support/home.ts";

const directory = scratchDirectory();
after(() => rmSync(directory, { recursive: true, force: true }));

const monitor = jailIdentity().uid ?? process.getuid?.();
const we = process.getuid?.();

describe("where a machine of Firecracker's finds its files", () => {
  let opened: number[];
  let descriptors: Descriptors;
  let count = 0;
  beforeEach(() => {
    opened = [];
    descriptors = new Descriptors();
  });
  afterEach(() => {
    descriptors.close();
    for (const fd of opened) closeSync(fd);
  });

  const path = (name: string) => {
    const made = join(directory, `${name}-${count++}`);
    writeFileSync(made, name, { mode: 0o600 });
    return made;
  };
  const open = (name: string, flags: "r" | "r+") => {
    const fd = openSync(path(name), flags);
    opened.push(fd);
    return fd;
  };
  const specOf = (dataFlags: "r" | "r+", role: MachineSpec["role"] = "workload"): MachineSpec => ({
    vcpuCount: 1,
    memMib: 128,
    boot: { kernelPath: path("kernel"), initramfsPath: path("initramfs"), digest: "digest" },
    role,
    environmentDisk: open("environment", role === "builder" ? "r+" : "r"),
    dataDisk: open("data", dataFlags),
    lifetime: "caller",
  });
  const place = (spec: MachineSpec, kind?: "save" | "restore") => {
    const template =
      kind === undefined
        ? undefined
        : {
            kind,
            memoryPath: kind === "save" ? join(directory, `new-${count++}`) : path("memory"),
            statePath: kind === "save" ? join(directory, `new-${count++}`) : path("state"),
          };
    const program = path("firecracker");
    return { template, layout: placeFiles({ spec, program, descriptors, template }) };
  };

  it("is the same for its disks whether it boots, is saved or is restored", () => {
    const places = ([undefined, "save", "restore"] as const).map((kind) => {
      descriptors.close();
      descriptors = new Descriptors();
      const { environment, data } = place(specOf("r+"), kind).layout;
      return { environment, data };
    });
    assert.deepEqual(places[1], places[0]);
    assert.deepEqual(places[2], places[0]);
  });

  it("has its kernel only where it boots, and its state only where there is one", () => {
    assert.ok(place(specOf("r+")).layout.boot);
    assert.equal(place(specOf("r+")).layout.saved, undefined);
    const restored = place(specOf("r+"), "restore").layout;
    assert.equal(restored.boot, undefined);
    assert.ok(restored.saved);
  });

  it("is given what it writes, and shown what it may only read", () => {
    const spec = specOf("r+");
    const { environment, data } = place(spec).layout;
    assert.deepEqual([environment.isReadOnly, data?.isReadOnly], [true, false]);
    assert.equal(statSync(`/proc/self/fd/${spec.dataDisk}`).uid, monitor);
    assert.equal(statSync(`/proc/self/fd/${spec.environmentDisk}`).uid, we);
    const lent = specOf("r");
    assert.equal(place(lent).layout.data?.isReadOnly, true);
    assert.equal(statSync(`/proc/self/fd/${lent.dataDisk}`).uid, we);
    assert.equal(place(specOf("r+", "builder")).layout.environment.isReadOnly, false);
  });

  it("makes the files that its state goes to, and never over others", () => {
    const { template } = place(specOf("r+"), "save");
    assert.equal(statSync(template?.statePath ?? "").uid, monitor);
    assert.ok(existsSync(template?.memoryPath ?? ""));
    const again = { kind: "save", memoryPath: path("memory"), statePath: path("state") } as const;
    const program = path("firecracker");
    const spec = specOf("r+");
    assert.throws(() => placeFiles({ spec, program, descriptors, template: again }), /EEXIST/);
  });

  it("is taken back from a monitor before another one may only read it", () => {
    const fd = open("disk", "r+");
    giveToMonitor(fd);
    assert.equal(statSync(`/proc/self/fd/${fd}`).uid, monitor);
    takeFromMonitor(fd);
    assert.equal(statSync(`/proc/self/fd/${fd}`).uid, we);
    showToMonitor(fd);
    const { mode } = statSync(`/proc/self/fd/${fd}`);
    assert.equal(mode & 0o777, jailIdentity().uid === undefined ? 0o600 : 0o644);
  });
});
