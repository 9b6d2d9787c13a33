import type { AgentClient } from "../../channel/agent-client.ts";

/** A guest's oscillator is off by a few milliseconds a minute. */
const intervalMs = 60_000;
/** More than between two looks on a busy host: the host slept, or its clock was set. */
const jumpMs = 500;

/** Keeps a guest's clock at the host's: every minute, and at once when the host's has jumped. */
export class GuestClock {
  #correctedAt = performance.now();
  #offsetMs = wallClockOffsetMs();

  /** Whoever calls does so every few seconds. */
  keep(client: AgentClient | undefined): void {
    const offsetMs = wallClockOffsetMs();
    const hasJumped = Math.abs(offsetMs - this.#offsetMs) > jumpMs;
    const isDue = performance.now() - this.#correctedAt >= intervalMs;
    if (client === undefined || !(hasJumped || isDue)) return;
    this.#offsetMs = offsetMs;
    this.#correctedAt = performance.now();
    // An agent of an older pyro cannot, and one that is busy is asked again.
    client.correctClock().catch(() => undefined);
  }
}

/** Between the clock that people read and the one that stands still while the host sleeps. */
function wallClockOffsetMs(): number {
  return Date.now() - performance.now();
}
