import assert from "node:assert/strict";
import { test } from "node:test";
import { jailArguments } from "../../../src/drivers/jail.ts";
import {
  opensPrivateMemoryReadOnly,
  type QemuLayout,
  qemuArguments,
} from "../../../src/drivers/qemu/command-line.ts";

const layout: QemuLayout = {
  spec: { vcpuCount: 2, memMib: 512, role: "workload" },
  accelerator: "tcg",
  version: { major: 7, minor: 2 },
  tscKhz: 2_500_000,
  firmwarePath: "/proc/self/fd/3",
  kernelPath: "/proc/self/fd/4",
  initramfsPath: "/proc/self/fd/5",
  environment: { fd: 6 },
  data: { place: { fd: 7 }, isReadOnly: false },
  sockets: {
    channel: { fd: 8, listens: false },
    monitor: { fd: 9, listens: false },
    console: { fd: 10, listens: true },
  },
  memory: { kind: "anonymous" },
};

const line = (changes: Partial<QemuLayout>) => qemuArguments({ ...layout, ...changes }).join(" ");

test("every machine is sandboxed, without defaults, network or graphics", () => {
  for (const memory of [
    { kind: "anonymous" },
    { kind: "shared", path: "/m" },
    { kind: "private", path: "/m" },
  ] as const) {
    const text = line({ memory });
    assert.match(
      text,
      /-sandbox on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny/,
    );
    assert.match(text, /-nodefaults -no-user-config -display none -no-reboot/);
    assert.doesNotMatch(text, /netdev|-nic|virtio-net|\bhostfwd\b|-vnc|-spice/);
  }
});

test("disks are raw, never probed, opened through descriptors, and a full host disk is the guest's error", () => {
  const text = line({});
  assert.match(
    text,
    /driver=raw,node-name=env,file\.driver=file,file\.filename=\/dev\/fdset\/1,file\.locking=off,read-only=on/,
  );
  assert.match(text, /virtio-blk-device,drive=data,serial=pyro-data,werror=report,rerror=report/);
  assert.match(
    line({ spec: { ...layout.spec, role: "builder" }, data: undefined }),
    /node-name=env,.*cache\.no-flush=on/,
  );
});

test("a template's memory is shared while it is made and private when it is resumed", () => {
  assert.match(
    line({ memory: { kind: "shared", path: "/m" } }),
    /memory-backend-file,id=ram,size=512M,share=on,mem-path=\/m/,
  );
  const resumed = line({
    memory: { kind: "private", path: "/m" },
    initramfsPath: undefined,
  });
  assert.match(resumed, /share=off,mem-path=\/m -incoming defer/);
  assert.doesNotMatch(resumed, /-initrd/);
});

test("memory is opened read-only as soon as QEMU can", () => {
  assert.equal(opensPrivateMemoryReadOnly({ major: 8, minor: 1 }), false);
  assert.equal(opensPrivateMemoryReadOnly({ major: 8, minor: 2 }), true);
  assert.equal(opensPrivateMemoryReadOnly({ major: 10, minor: 0 }), true);
  assert.match(
    line({ version: { major: 9, minor: 0 }, memory: { kind: "private", path: "/m" } }),
    /readonly=on,rom=off/,
  );
});

test("only emulated guests are told the clock rate", () => {
  assert.match(line({}), /tsc_early_khz=2500000 tsc=reliable mitigations=off norandmaps/);
  assert.doesNotMatch(line({ accelerator: "kvm" }), /tsc_early_khz|norandmaps|mitigations/);
});

test("the jail shares nothing and shows nothing of ours", () => {
  const text = jailArguments({ infoFd: 3, devices: [] }).join(" ");
  assert.match(
    text,
    /^--unshare-all --as-pid-1 --new-session --hostname pyro-jail --die-with-parent --cap-drop ALL --clearenv --info-fd 3 /,
  );
  const bound = [...text.matchAll(/--(?:ro-|dev-)?bind (\S+)/g)].map((match) => match[1]);
  assert.deepEqual(bound, ["/usr"]);
});

test("the firmware is named, for a machine that boots and for one that resumes", () => {
  assert.match(line({}), /-bios \/proc\/self\/fd\/3 -kernel/);
  const memory = { kind: "private", path: "/m" } as const;
  assert.match(line({ memory, initramfsPath: undefined }), /-bios \/proc\/self\/fd\/3 -kernel/);
});

test("only an emulated guest's CPU is chosen, and v3 has what v2 has and more", () => {
  const cpu = (level: "v2" | "v3" | undefined, accelerator: "kvm" | "tcg" = "tcg") => {
    const spec = { ...layout.spec, ...(level && { cpu: level }) };
    return / -cpu (\S+)/.exec(line({ accelerator, spec }))?.[1] ?? "";
  };
  assert.equal(cpu(undefined), cpu("v2"));
  const [v2, v3] = [cpu("v2").split(","), cpu("v3").split(",")];
  assert.deepEqual(
    v2.filter((feature) => !v3.includes(feature)),
    [],
  );
  assert.ok(v3.includes("+avx2") && !v2.includes("+avx2"));
  assert.deepEqual([cpu("v2", "kvm"), cpu("v3", "kvm")], ["host", "host"]);
});
