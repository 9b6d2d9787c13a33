import assert from "node:assert/strict";
import { test } from "node:test";
import {
  bootRequests,
  restoreRequests,
  saveRequests,
} from "../../../../src/drivers/firecracker/configuration.ts";

const disk = (path: string, isReadOnly = false) => ({ path, isReadOnly });
const saved = { memoryPath: "/memory", statePath: "/state" };
const layout = {
  environment: disk("/e", true),
  data: disk("/d"),
  target: undefined,
  boot: { kernelPath: "/k", initramfsPath: "/i" },
  saved: undefined,
};
const spec = { vcpuCount: 2, memMib: 512, role: "workload" } as const;
const bodyOf = (path: string, ...machine: Parameters<typeof bootRequests>) =>
  bootRequests(...machine).find((request) => request.path === path)?.body ?? {};

test("a machine has its size, its kernel, its disks in order, a channel, an entropy device, and nothing else", () => {
  assert.deepEqual(
    bootRequests(spec, { ...layout, target: disk("/t") }).map(({ path }) => path),
    [
      "/machine-config",
      "/boot-source",
      "/drives/env",
      "/drives/data",
      "/drives/target",
      "/vsock",
      "/entropy",
      "/actions",
    ],
  );
  assert.deepEqual(bodyOf("/machine-config", spec, layout), {
    vcpu_count: 2,
    mem_size_mib: 512,
    track_dirty_pages: false,
  });
  assert.deepEqual(bodyOf("/vsock", spec, layout), { guest_cid: 3, uds_path: "/channel.sock" });
  assert.deepEqual(bodyOf("/entropy", spec, layout), {}, "it is not rationed");
});

test("disks are read-only where they are lent, and flushes count unless the disk is thrown away when they fail", () => {
  const environment = bodyOf("/drives/env", spec, layout);
  assert.deepEqual([environment.is_read_only, environment.is_root_device], [true, false]);
  assert.equal(bodyOf("/drives/data", spec, layout).cache_type, "Writeback");
  const builder = bodyOf("/drives/env", { ...spec, role: "builder" }, layout);
  assert.equal(builder.cache_type, "Unsafe");
});

test("a guest ends its monitor by restarting, as it has no power to switch off", () => {
  const words = String(bodyOf("/boot-source", spec, layout).boot_args).split(" ");
  for (const word of ["reboot=k", "pyro.end=restart", "panic=-1", "console=ttyS0"])
    assert.ok(words.includes(word), word);
  assert.ok(!words.includes("norandmaps"), "its addresses are randomized");
});

test("only a machine that is to be saved tracks what it writes, and what it wrote is what is saved", () => {
  assert.equal(bodyOf("/machine-config", spec, { ...layout, saved }).track_dirty_pages, true);
  const [pause, create] = saveRequests(saved);
  assert.deepEqual(pause, { method: "PATCH", path: "/vm", body: { state: "Paused" } });
  assert.equal(create?.body.snapshot_type, "Diff");
  const [load] = restoreRequests(saved);
  assert.deepEqual(load?.body, {
    snapshot_path: "/state",
    mem_backend: { backend_type: "File", backend_path: "/memory" },
    resume_vm: true,
  });
});
