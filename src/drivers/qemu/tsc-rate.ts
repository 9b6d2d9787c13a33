import { acquireLock } from "../../platform/lock.ts";
import { currentBootId } from "../../platform/processes.ts";
import type { RememberedFact } from "../remembered-fact.ts";

/** Two measurements of one counter differ by less; a clock this much off loses four seconds a day. */
const sameRateShare = 50e-6;

/**
 * Ticks per millisecond of the host's time stamp counter. Measured once a boot; a new measurement replaces the old only
 * when it really differs, since templates depend on it.
 */
export async function tscRate(
  fact: RememberedFact<number>,
  measure: () => Promise<number>,
): Promise<number> {
  const bootId = currentBootId();
  const known = await fact.recall(bootId);
  if (known !== undefined) return known;
  // Processes that start together agree on one measurement, or each would make templates of its own.
  using _lock = await acquireLock(`${fact.path}.lock`);
  const last = await fact.last();
  if (last?.key === bootId) return last.value;
  const measured = await measure();
  const isSame = last !== undefined && Math.abs(last.value - measured) / measured < sameRateShare;
  const khz = isSame ? last.value : measured;
  await fact.remember(bootId, khz);
  return khz;
}
