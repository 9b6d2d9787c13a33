import assert from "node:assert/strict";
import { after, afterEach, before, describe, it } from "node:test";
import { PyroHome } from "../support/home.ts";

// What programs take for granted of a machine, and containers give them.

describe("an ordinary program in Debian 13", () => {
  const environment = "debian:13";
  let home: PyroHome;
  before(async () => {
    home = await PyroHome.warm(environment);
  });
  afterEach(() => home.assertNothingLeft());
  after(() => home.dispose());

  const sh = async (script: string) => {
    const ended = await home.pyro(["run", environment, "--", "sh", "-c", script]);
    assert.deepEqual([ended.stderr, ended.code], ["", 0]);
    return ended.stdout.trimEnd().split("\n");
  };

  it("finds its own name and localhost", async () => {
    const [own, resolved, ...localhost] = await sh(
      "hostname -i; getent hosts $(hostname); getent ahosts localhost",
    );
    assert.equal(own, "127.0.1.1");
    assert.match(resolved ?? "", /^127\.0\.1\.1 +pyro-[0-9a-f]+$/);
    for (const address of [/^::1 /, /^127\.0\.0\.1 /])
      assert.ok(
        localhost.some((line) => address.test(line)),
        localhost.join("\n"),
      );
  });

  it("knows every time zone, speaks UTF-8, and no server of the host that built it", async () => {
    const look = "TZ=US/Pacific date -d @0 +%z; locale charmap";
    assert.deepEqual(await sh(`${look}; ls /etc/resolv.conf 2>/dev/null | wc -l`), [
      "-0800",
      "UTF-8",

      "0",
    ]);
  });

  it("may watch, map and open as much as file watchers and databases do", async () => {
    const settings = [
      "fs/inotify/max_user_watches",
      "fs/inotify/max_user_instances",
      "vm/max_map_count",
      "fs/aio-max-nr",
    ];
    const values = await sh(
      `cd /proc/sys; cat ${settings.join(" ")}; ulimit -Hn; df --output=size /dev/shm | tail -1`,
    );
    const least = [524_288, 1_024, 262_144, 1_048_576, 524_288, 400_000];
    for (const [index, value] of values.entries())
      assert.ok(Number(value) >= (least[index] ?? 0), `${settings[index]}: ${value}`);
  });

  it("is woken on time and takes its turn as anywhere, whatever the agent does without", async () => {
    const look = "import os; print(os.sched_getscheduler(0), os.getpriority(os.PRIO_PROCESS, 0))";
    const seen = await sh(`cat /proc/self/timerslack_ns; python3 -c '${look}'`);
    assert.deepEqual(seen, ["50000", "0 0"]);
  });

  it("sees the limits of its control group, and may make groups of its own", async () => {
    const look = `own=$(cut -d: -f3 /proc/self/cgroup); cd /sys/fs/cgroup; cat .$own/memory.max memory.max
      awk '/MemTotal/ { print $2 * 1024 }' /proc/meminfo; cat cgroup.controllers
      echo +memory +pids >cgroup.subtree_control; mkdir mine; echo 50000000 >mine/memory.max
      sh -c 'echo $$ >mine/cgroup.procs; cat /proc/self/cgroup'; rmdir mine; echo $own`;
    const [own, all, machine, controllers, inner, outer] = await sh(`${look} 2>/dev/null`);
    assert.equal(own, all);
    assert.ok(
      Number(own) > 256 * 1024 * 1024 && Number(own) < Number(machine),
      `${own} ${machine}`,
    );
    assert.match(controllers ?? "", /\bmemory pids\b/);
    assert.equal(inner, "0::/mine");
    assert.match(outer ?? "", /^\/command-\d+$/);
  });

  it("gets the kernel modules that it asks for", async () => {
    const script = `import fcntl, socket, struct
open("/dev/fuse", "rb").close()
tun = open("/dev/net/tun", "r+b", buffering=0)
fcntl.ioctl(tun, 0x400454CA, struct.pack("16sH14x", b"vpn0", 0x1001))
link = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
for kind in (b"bridge", b"veth", b"dummy"):
    kind += b"\\0"
    padded = kind + b"\\0" * (-len(kind) % 4)
    info = struct.pack("HH", 4 + len(kind), 1) + padded
    body = struct.pack("BxHiII", 0, 0, 0, 0, 0) + struct.pack("HH", 4 + len(info), 18) + info
    link.send(struct.pack("IHHII", 16 + len(body), 16, 0x605, 1, 0) + body)
    assert struct.unpack_from("i", link.recv(4096), 16)[0] == 0, kind
print(*(name for _, name in socket.if_nameindex()))`;
    const [interfaces = ""] = await sh(`python3 -c '${script}'`);
    for (const name of ["lo", "vpn0", "bridge0", "veth0", "dummy0"])
      assert.ok(interfaces.split(" ").includes(name), interfaces);
  });

  it("attaches images as disks, and mounts overlays over its own directories", async () => {
    const script = `cd /workspace; echo inside >image; truncate -s 8M image; mkdir lower upper work merged
      head -n 1 $(losetup --find --show image); echo low >lower/file
      mount -t overlay -o lowerdir=lower,upperdir=upper,workdir=work none merged
      echo high >merged/file; cat lower/file upper/file`;
    assert.deepEqual(await sh(script), ["inside", "low", "high"]);
  });

  it("learns at once that there is no network", async () => {
    const ended = await home.pyro([
      ...["run", environment, "--timeout-seconds", "25", "--"],
      ...[
        "sh",
        "-c",
        "apt-config dump Acquire::Retries; env | grep -c -e RETR -e _retries; curl -s http://registry.invalid/",
      ],
    ]);
    assert.deepEqual([ended.stdout, ended.code], ['Acquire::Retries "0";\n7\n', 6]);
  });
});
