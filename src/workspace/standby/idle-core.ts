import { readFileSync } from "node:fs";
import type { TimerOptions } from "node:timers";
import { setTimeout as sleep } from "node:timers/promises";

const windowMs = 200;
/** What one core idles in that time, but for what looking at it takes; in ticks of 10 ms. */
const idleTicksMin = 16;

/** Waits until somebody leaves a core to us, or for so long. */
export async function untilCoreIsIdle(
  timeoutMs: number,
  options: TimerOptions = {},
): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  for (let before = idleTicks(); performance.now() < deadline; ) {
    await sleep(windowMs, undefined, options);
    const now = idleTicks();
    if (now - before >= idleTicksMin) return;
    before = now;
  }
}

/** Of all cores together, waiting for disks included. */
function idleTicks(): number {
  const [, , , , idle, iowait] = readFileSync("/proc/stat", "latin1").split(/\s+/, 6);
  return Number(idle) + Number(iowait);
}
