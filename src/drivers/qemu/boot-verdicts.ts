import { readFileSync } from "node:fs";
import { join } from "node:path";
import { defaults } from "../../model/limits.ts";
import { currentBootId } from "../../platform/processes.ts";
import type { BootFiles, Driver } from "../driver.ts";
import { bootCanary, type CanaryOutcome } from "./canary.ts";
import { cpuModel } from "./cpu-model.ts";
import { RememberedFact } from "./remembered-fact.ts";

/** A working KVM prints the kernel's first line within a fraction of a second; emulation on a busy host takes most of a minute. */
const deadlinesMs = { kvm: 20_000, tcg: 60_000 };

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

/** Whether guests boot with one accelerator, measured once and remembered as long as nothing it depends on changes. */
export class BootVerdicts {
  readonly #accelerator: keyof typeof deadlinesMs;
  readonly #fact: RememberedFact<BootVerdict>;

  constructor(cacheDirectory: string, accelerator: keyof typeof deadlinesMs) {
    this.#accelerator = accelerator;
    this.#fact = new RememberedFact(join(cacheDirectory, `boots-${accelerator}.json`));
  }

  /** The verdict; measured where none is known, or only a "no" of an earlier boot of the host. */
  async decide(driver: Driver, { boot, again, signal }: BootQuestion): Promise<BootVerdict> {
    const key = keyOf(driver, boot);
    const known = await this.#fact.recall(key);
    if (known?.cameUp || (known?.bootId === currentBootId() && !again)) return known;
    const deadlineMs = deadlinesMs[this.#accelerator];
    const outcome = await bootCanary({ driver, boot, deadlineMs, signal });
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

/** What saved state depends on decides whether guests boot as well, and so does the host. */
function keyOf(driver: Driver, { digest }: BootFiles): string {
  const kernel = readFileSync("/proc/sys/kernel/osrelease", "utf8").trim();
  return [kernel, cpuModel(), driver.fingerprintOf(defaults.cpu), digest].join(" | ");
}
