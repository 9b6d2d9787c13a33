import assert from "node:assert/strict";
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { after, afterEach, before, describe, it } from "node:test";
import { baseEnvironment, PyroHome } from "../support/home.ts";
import { findMonitor, openFiles } from "../support/host-processes.ts";
import type { PyroProcess } from "../support/process.ts";

describe("the virtual machine monitor of a running guest", () => {
  let home: PyroHome;
  let started: PyroProcess;
  let pid: number;
  before(async () => {
    home = await PyroHome.warm();
    started = home.start(["run", baseEnvironment, "--", "sh", "-c", "echo ready; cat"], {
      openInput: true,
    });
    await started.said("ready");
    pid = await findMonitor(home.stateDirectory);
  });
  after(async () => {
    started.child.stdin.end();
    await started.ended;
    await home.assertNothingLeft();
    await home.dispose();
  });
  afterEach(() => assert.equal(started.child.exitCode, null, "the guest must run during the test"));

  const status = (field: string) =>
    new RegExp(`^${field}:\\s+(.*)$`, "m").exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];

  it("filters system calls and may not gain privileges", () => {
    assert.deepEqual([status("Seccomp"), status("NoNewPrivs")], ["2", "1"]);
  });

  it("has no capability in any set and is not root", () => {
    for (const set of ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"])
      assert.equal(status(set), "0000000000000000", set);
    for (const id of (status("Uid") ?? "0").split("\t")) assert.notEqual(id, "0");
    for (const id of (status("Gid") ?? "0").split("\t")) assert.notEqual(id, "0");
  });

  it("shares no namespace with the host", () => {
    for (const kind of ["user", "pid", "mnt", "net", "ipc", "uts", "cgroup"])
      assert.notEqual(
        readlinkSync(`/proc/${pid}/ns/${kind}`),
        readlinkSync(`/proc/self/ns/${kind}`),
        kind,
      );
  });

  it("sees no network card and none of the host's files but programs", () => {
    const cards = readFileSync(`/proc/${pid}/net/dev`, "utf8").matchAll(/^\s*([^\s:|]+):/gm);
    assert.deepEqual(
      [...cards].map(([, name]) => name),
      ["lo"],
    );
    assert.deepEqual(readdirSync(`/proc/${pid}/root`).sort(), [
      "bin",
      "dev",
      "lib",
      "lib64",
      "proc",
      "usr",
    ]);
    for (const line of readFileSync(`/proc/${pid}/mounts`, "utf8").trim().split("\n")) {
      const [, target = "", , options = ""] = line.split(" ");
      if (target === "/usr") assert.match(options, /^ro,/, line);
    }
  });

  it("has nothing of the caller's environment", () => {
    assert.deepEqual(readFileSync(`/proc/${pid}/environ`, "utf8").split("\0").filter(Boolean), [
      "PWD=/",
    ]);
  });

  it("holds no file but its own disks, kernel, template, sockets and QEMU's firmware", () => {
    const foreign = openFiles(pid).filter(
      (path) =>
        !/^(socket|pipe|anon_inode):/.test(path) &&
        !path.startsWith(`${home.cacheDirectory}/`) &&
        !path.startsWith(`${home.stateDirectory}/`) &&
        !path.endsWith("/qemu/qboot.rom") &&
        !/^\/(dev\/null|dev\/kvm|dev\/net\/none)?$/.test(path) &&
        !/\/qboot\.rom$/.test(path),
    );
    assert.deepEqual(foreign, []);
  });

  it("opens the environment's image read-only", () => {
    const images = readdirSync(`/proc/${pid}/fd`).filter((fd) =>
      readlinkSync(`/proc/${pid}/fd/${fd}`).startsWith(`${home.cacheDirectory}/images/`),
    );
    assert.ok(images.length > 0);
    for (const fd of images) {
      const flags = /flags:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/fdinfo/${fd}`, "utf8"))?.[1];
      assert.equal(Number.parseInt(flags ?? "3", 8) & 3, 0, `descriptor ${fd}`);
    }
  });
});
