import { readFileSync } from "node:fs";
import { join } from "node:path";
import { defaults } from "../model/limits.ts";
import { currentBootId } from "../platform/processes.ts";
import { bootCanary, type CanaryOutcome, type Patience } from "./canary.ts";
import { cpuModel } from "./cpu-model.ts";
import type { BootFiles, Driver } from "./driver.ts";
import { RememberedFact } from "./remembered-fact.ts";

/**
 * A working KVM prints the kernel's first line within a fraction of a second; emulation on a busy host takes most of a minute. A
 * guest that has said something is on its way, and refusing it would mean one that is slower still.
 */
const onKvm: Patience = { silentMs: 20_000, speakingMs: 90_000 };
const patience = {
  kvm: onKvm,
  firecracker: onKvm,
  tcg: { silentMs: 60_000, speakingMs: 120_000 },
} as const;

/** What guests boot on: QEMU with either accelerator, or Firecracker. */
export type BootMeans = keyof typeof patience;

/** Whether guests come up; absent time: one of a user's own did. A "no" is good for one boot of the host. */
export type BootVerdict =
  | { readonly cameUp: true; readonly bootMs?: number }
  | (CanaryOutcome & { readonly cameUp: false; readonly bootId: string });

/** What is asked: with `again`, a "no" is measured anew. */
export interface BootQuestion {
  readonly boot: BootFiles;
  readonly again: boolean;
  readonly signal: AbortSignal | undefined;
}

/** Whether guests boot by one means, measured once and remembered as long as nothing it depends on changes. */
export class BootVerdicts {
  readonly #means: BootMeans;
  readonly #fact: RememberedFact<BootVerdict>;

  constructor(cacheDirectory: string, means: BootMeans) {
    this.#means = means;
    this.#fact = new RememberedFact(join(cacheDirectory, `boots-${means}.json`));
  }

  /** The verdict; measured where none is known, or only a "no" of an earlier boot of the host. */
  async decide(driver: Driver, { boot, again, signal }: BootQuestion): Promise<BootVerdict> {
    const key = keyOf(driver, boot);
    const known = await this.#fact.recall(key);
    if (known?.cameUp || (known?.bootId === currentBootId() && !again)) return known;
    const outcome = await bootCanary({ driver, boot, signal, ...patience[this.#means] });
    const verdict = outcome.cameUp ? outcome : { ...outcome, bootId: currentBootId() };
    await this.#fact.remember(key, verdict);
    return verdict;
  }

  /** A guest of a user's own is as good as a canary; one that did not come up leaves the question open. */
  async record(driver: Driver, boot: BootFiles, cameUp: boolean): Promise<void> {
    if (!cameUp) return this.#fact.forget();
    const key = keyOf(driver, boot);
    if (!(await this.#fact.recall(key))?.cameUp) await this.#fact.remember(key, { cameUp });
  }
}

/** How a guest was seen to come up. */
export function proofOf({ bootMs }: BootVerdict & { cameUp: true }): string {
  return bootMs === undefined ? "guests boot on it" : `a guest booted in ${bootMs} ms`;
}

/** What saved state depends on decides whether guests boot as well, and so does the host. */
function keyOf(driver: Driver, { digest }: BootFiles): string {
  const kernel = readFileSync("/proc/sys/kernel/osrelease", "utf8").trim();
  return [kernel, cpuModel(), driver.fingerprintOf(defaults.cpu), digest].join(" | ");
}
