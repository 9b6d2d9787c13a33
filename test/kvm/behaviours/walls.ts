import assert from "node:assert/strict";
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import type { Behaviour } from "../behaviour.ts";

/** What stands around a monitor, and around a guest. */
export const walls: readonly Behaviour[] = [
  {
    name: "the monitor is confined, in every thread",
    async hold(place) {
      const pid = place.monitor(await place.shared());
      for (const thread of readdirSync(`/proc/${pid}/task`)) {
        const status = readFileSync(`/proc/${pid}/task/${thread}/status`, "latin1");
        const field = (name: string) => new RegExp(`^${name}:\\s+(\\S+)`, "m").exec(status)?.[1];
        const found = ["Seccomp", "NoNewPrivs", "CapPrm", "CapEff", "CapBnd"].map(field);
        const none = "0".repeat(16);
        assert.deepEqual(found, ["2", "1", none, none, none], `thread ${thread} of ${pid}`);
        assert.notEqual(field("Uid"), "0");
      }
      for (const kind of ["user", "pid", "mnt", "net", "ipc", "uts"])
        assert.notEqual(
          readlinkSync(`/proc/${pid}/ns/${kind}`),
          readlinkSync(`/proc/self/ns/${kind}`),
        );
      const root = readdirSync(`/proc/${pid}/root`);
      for (const name of ["etc", "root", "home", "var", "tmp"])
        assert.ok(!root.includes(name), `it sees /${name}`);
    },
  },
  {
    name: "the guest has no network card and sees nothing of the host",
    async hold(place) {
      const id = await place.shared();
      const line =
        "ls /sys/class/net; ls -A /home /mnt /media; ls /dev/kvm 2>&1 | grep -c 'No such'";
      assert.equal(await place.sh(id, line), "lo\n/home:\n\n/media:\n\n/mnt:\n1\n");
    },
  },
];
