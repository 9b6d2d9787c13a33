import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import type { Bench } from "../bench.ts";
import { atMost, type Figure, round, type Target, type Unit } from "../figure.ts";
import { startGuest } from "../guest.ts";
import { parentPid, processorSeconds, proportionalMib } from "../process-usage.ts";
import type { Measured, Section } from "../section.ts";
import { summarise } from "../statistics.ts";

const settleMs = 3000;

/** What many restored guests cost while they do nothing. */
export const idle: Section = {
  name: "idle",
  title: "memory and processor time of idle VMs",
  measure,
};

async function measure(bench: Bench): Promise<Measured> {
  const { idleGuests, idleSeconds } = bench.counts;
  bench.progress(`idle: restoring ${idleGuests} VMs`);
  await using guests = new AsyncDisposableStack();
  const pids: number[] = [];
  for (let index = 0; index < idleGuests; index++)
    pids.push(guests.use(await startGuest(bench)).pid);
  pids.forEach(assertMonitor);
  await sleep(settleMs, undefined, { signal: bench.signal });
  bench.progress(`idle: watching them for ${idleSeconds} s`);
  const processorPercent = await watch(bench, pids, idleSeconds);
  const monitorMib = pids.map(proportionalMib);
  const jailMib = pids.map((pid) => proportionalMib(parentPid(pid)));
  const each = `of each of ${idleGuests} idle VMs`;
  return {
    figures: [
      worst(`memory ${each}`, { samples: monitorMib, unit: "MiB", target: atMost(60) }),
      worst("  its jail's process besides", { samples: jailMib, unit: "MiB" }),
      worst(`processor ${each}`, { samples: processorPercent, unit: "%", target: atMost(1) }),
    ],
    samples: { monitorMib, jailMib, processorPercent },
  };
}

/** Share of one core, by process. */
async function watch(
  { signal }: Bench,
  pids: readonly number[],
  seconds: number,
): Promise<number[]> {
  const startedAt = performance.now();
  const before = pids.map(processorSeconds);
  await sleep(seconds * 1000, undefined, { signal });
  const after = pids.map(processorSeconds);
  const elapsedSeconds = (performance.now() - startedAt) / 1000;
  return after.map((used, index) => ((used - (before[index] ?? 0)) / elapsedSeconds) * 100);
}

/** "Each" is what the target says, so the worst counts. */
function worst(
  name: string,
  { samples, unit, target }: { samples: readonly number[]; unit: Unit; target?: Target },
): Figure {
  const { p50, max, count } = summarise(samples);
  return { name, value: max, unit, note: `most of ${count}; p50 ${round(p50)}`, target };
}

function assertMonitor(pid: number): void {
  const name = readFileSync(`/proc/${pid}/comm`, "latin1").trim();
  if (!name.startsWith("qemu-system")) throw new Error(`Process ${pid} is ${name}, not QEMU.`);
}
