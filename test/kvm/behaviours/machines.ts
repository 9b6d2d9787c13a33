import assert from "node:assert/strict";
import { readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Behaviour } from "../behaviour.ts";
import type { Pair } from "../pairs.ts";
import { environment, type Place } from "../place.ts";
import { cpuInfo } from "../setting.ts";

const clones = 20;
const together = 8;
/** Its libraries count; in emulation, so does its translation of the guest's programs. */
const qemuMibMax = { kvm: 80, tcg: 400 };

/** What the guest's kernel has an entropy device by. */
const entropyDevices = "/sys/class/misc/hw_random/rng_available";
const hasEntropyDevice = ({ driver }: Pair) => driver === "firecracker";

/** How machines come to run, and what they are. */
export const machines: readonly Behaviour[] = [
  {
    name: "a machine is what its driver says",
    async hold(place) {
      const { pyro, pair } = place;
      const command = [
        "sh",
        "-c",
        `cat /proc/sys/kernel/randomize_va_space /sys/devices/system/clocksource/clocksource0/current_clocksource ${entropyDevices}; cat /proc/cpuinfo`,
      ];
      const result = await pyro.runInVm({ environment, command, timeoutSeconds: 120 });
      const [randomized, clock, entropy = ""] = result.stdout.split("\n");
      const isKvm = pair.accelerator === "kvm";
      assert.deepEqual(
        [result.driver, result.isolation, randomized, clock, entropy.trim()],
        [
          pair.driver,
          isKvm ? "hardware" : "emulated",
          isKvm ? "2" : "0",
          isKvm ? "kvm-clock" : "tsc",
          hasEntropyDevice(pair) ? "virtio_rng.0" : "",
        ],
      );
      // Not its name, which Firecracker shortens.
      if (isKvm) assert.deepEqual(processorOf(result.stdout), processorOf(cpuInfo()));
    },
  },
  {
    name: "a template is saved once, and machines resume from it",
    seconds: 120,
    async hold(place) {
      forgetTemplates(place);
      const ways = [await way(place), await way(place), await way(place)];
      assert.deepEqual(
        ways.map(({ how }) => how),
        ["booted", "resumed", "resumed"],
      );
      const [booted, ...resumed] = ways.map(({ answersMs }) => answersMs);
      const restoreMs = Math.min(...resumed);
      const bootMs = booted ?? 0;
      place.figures = { bootMs, restoreMs, ratio: Math.round((restoreMs / bootMs) * 1000) / 1000 };
    },
  },
  {
    name: `${clones} machines of one template share no identity and know the time`,
    seconds: 240,
    async hold({ pyro, pair }) {
      const device = hasEntropyDevice(pair)
        ? "mknod /tmp/hwrng c 10 183 && head -c 32 /tmp/hwrng"
        : "head -c 32 /dev/random";
      const look = `date +%s%N; head -c 16 /dev/urandom | od -An -tx1; cat /etc/machine-id; hostname; cat /proc/sys/kernel/random/uuid; { ${device}; } | od -An -tx1 -w32`;
      const seen: string[][] = [];
      for (let clone = 0; clone < clones; clone++) {
        const earliest = Date.now() - 1_000;
        const command = ["sh", "-c", look];
        const { stdout } = await pyro.runInVm({ environment, command, timeoutSeconds: 120 });
        const [nanoseconds = "", ...identity] = stdout.trim().split("\n");
        const guestTime = Number(nanoseconds) / 1e6;
        const latest = Date.now() + 1_000;
        assert.ok(guestTime > earliest && guestTime < latest, `${earliest} ${guestTime} ${latest}`);
        seen.push(identity);
      }
      for (const [index, what] of [
        "random bytes",
        "machine-id",
        "host name",
        "uuid",
        "entropy",
      ].entries()) {
        const values = seen.map((identity) => identity[index]);
        assert.equal(new Set(values).size, clones, `${what}: ${values.join(", ")}`);
      }
    },
  },
  {
    name: `${together} machines at once`,
    seconds: 180,
    async hold({ pyro }) {
      const results = await Promise.all(
        Array.from({ length: together }, (_, index) =>
          pyro.runInVm({
            environment,
            command: ["echo", String(index)],
            timeoutSeconds: 300,
          }),
        ),
      );
      assert.deepEqual(
        results.map(({ stdout }) => stdout),
        Array.from({ length: together }, (_, index) => `${index}\n`),
      );
    },
  },
  {
    name: "a machine has the processors and the memory that it is asked for",
    async hold({ pyro }) {
      const command = [
        "sh",
        "-c",
        "nproc; awk '/^MemTotal/ { print int($2 / 1024) }' /proc/meminfo",
      ];
      const size = { vcpuCount: 2, memMib: 384 };
      const { stdout } = await pyro.runInVm({ environment, command, timeoutSeconds: 120, ...size });
      const [processors, memMib = 0] = stdout.split("\n").map(Number);
      assert.equal(processors, 2);
      // The kernel keeps some of it.
      assert.ok(memMib > 300 && memMib < 384, `${memMib} MiB`);
    },
  },
  {
    name: "a monitor takes little memory beside its guest's",
    async hold(place) {
      const { guestMib, besideMib } = memoryOf(place.monitor(await place.shared()));
      place.figures = { guestMib, besideMib };
      const most = place.pair.driver === "firecracker" ? 8 : qemuMibMax[place.pair.accelerator];
      assert.ok(besideMib <= most, `${besideMib} MiB beside the guest's ${guestMib}`);
    },
  },
  {
    name: "the guest's clock counts seconds as the host's does",
    async hold(place) {
      const id = await place.shared();
      const read = async () => {
        const earliest = Date.now();
        const guest = Number(await place.sh(id, "date +%s%N")) / 1e6;
        return { guest, earliest, latest: Date.now() };
      };
      const first = await read();
      await place.sh(id, "sleep 5");
      const last = await read();
      const passed = last.guest - first.guest;
      const [least, most] = [last.earliest - first.latest, last.latest - first.earliest];
      // The measure itself is an interval; how long it takes is nobody's matter.
      assert.ok(passed > least * 0.99 && passed < most * 1.01, `${least} ${passed} ${most}`);
    },
  },
];

/** Resident memory of the monitor of a machine that resumed: what its guest has touched, which is mapped from the template's file, and all else. */
function memoryOf(pid: number): { guestMib: number; besideMib: number } {
  let isGuests = false;
  let [guestKib, besideKib] = [0, 0];
  for (const line of readFileSync(`/proc/${pid}/smaps`, "latin1").split("\n")) {
    const path = /^[\da-f]+-[\da-f]+ \S+ \S+ \S+ \S+\s*(.*)$/.exec(line)?.[1];
    if (path !== undefined) isGuests = /\/memory$/.test(path);
    const residentKib = Number(/^Rss:\s+(\d+) kB$/.exec(line)?.[1] ?? 0);
    if (isGuests) guestKib += residentKib;
    else besideKib += residentKib;
  }
  assert.ok(guestKib > 0, "its guest's memory is mapped from nowhere");
  const inMib = (kib: number) => Math.round((kib / 1024) * 10) / 10;
  return { guestMib: inMib(guestKib), besideMib: inMib(besideKib) };
}

/** Maker, family, model and stepping of the first processor. */
function processorOf(text: string): string[] {
  const names = ["vendor_id", "cpu family", "model", "stepping"];
  return names.map((name) => new RegExp(`^${name}\\s*:\\s*(.+)$`, "m").exec(text)?.[1] ?? "");
}

function forgetTemplates({ home }: Place): void {
  const templates = join(home.cacheDirectory, "templates");
  for (const name of readdirSync(templates)) rmSync(join(templates, name), { recursive: true });
}

/** How a machine came to run, and how long it took from the start of its process to the agent's first answer. */
async function way(place: Place): Promise<{ how: string; answersMs: number }> {
  const phases: { phase: string; atMs: number }[] = [];
  const mark = (phase: string) => void phases.push({ phase, atMs: performance.now() });
  using pyro = place.open({ trace: { phases, mark } });
  const began = performance.now();
  await pyro.runInVm({ environment, command: ["true"], timeoutSeconds: 120 });
  const at = (name: string) => phases.find(({ phase }) => phase === name)?.atMs;
  const from = at("ready") ?? began;
  const booted = at("booted");
  const answered = booted ?? at("attached") ?? Number.NaN;
  return {
    how: booted === undefined ? "resumed" : "booted",
    answersMs: Math.round(answered - from),
  };
}
