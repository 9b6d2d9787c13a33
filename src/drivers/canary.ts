import { closeSync, openSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { PyroError } from "../model/errors.ts";
import type { BootFiles, Driver, Machine } from "./driver.ts";

const pollMs = 10;
/** A shell's answers when the monitor's program could not be started, and a jail's when somebody killed it. */
const cutOff = [126, 127, 128 + 9];

const kernelsFirstLine = "Linux version";

/** How a guest that was started came out. Everything else that can happen is an error, and says nothing about guests. */
export type CanaryOutcome =
  | { readonly cameUp: true; readonly bootMs: number }
  | { readonly cameUp: false; readonly reason: string };

/** How long a guest may take that has said nothing, and one that has. */
export interface Patience {
  readonly silentMs: number;
  readonly speakingMs: number;
}

export interface Canary extends Patience {
  readonly driver: Driver;
  readonly boot: BootFiles;
  readonly signal: AbortSignal | undefined;
}

/**
 * Boots the real guest kernel with a deadline, because a monitor that starts proves nothing: some hosts create virtual
 * machines that abort or spin for ever.
 */
export async function bootCanary(canary: Canary): Promise<CanaryOutcome> {
  canary.signal?.throwIfAborted();
  // Any readable file will do as the disk: the guest is not meant to mount it.
  const disk = openSync(canary.boot.initramfsPath, "r");
  try {
    const machine = await canary.driver.boot({
      vcpuCount: 1,
      memMib: 128,
      boot: canary.boot,
      role: "workload",
      environmentDisk: disk,
      isTalkative: true,
      lifetime: "caller",
    });
    try {
      return await watch(machine, canary);
    } finally {
      await machine.kill();
    }
  } finally {
    closeSync(disk);
  }
}

async function watch(machine: Machine, canary: Canary): Promise<CanaryOutcome> {
  const started = performance.now();
  let outcome: CanaryOutcome | PyroError | undefined;
  machine.exited.then(
    (exit) => {
      const said = exit.stderrTail.trim().split("\n").at(-1) || "its monitor ended";
      // Whoever kills a monitor, or keeps it from starting, says nothing about guests.
      outcome =
        exit.signal !== null || cutOff.includes(exit.exitCode ?? 0)
          ? new PyroError("vmm_failed", `The test of whether guests boot was cut off: ${said}`)
          : { cameUp: false, reason: `a guest does not run on it: ${said}` };
    },
    () => undefined,
  );
  for (;;) {
    canary.signal?.throwIfAborted();
    const said = machine.consoleTail();
    // The agent speaks once user space runs; a guest without disks still gets that far.
    if (said.includes("pyro-agent:"))
      return { cameUp: true, bootMs: Math.round(performance.now() - started) };
    if (outcome instanceof PyroError) throw outcome;
    if (outcome !== undefined) return outcome;
    const patienceMs = said.includes(kernelsFirstLine) ? canary.speakingMs : canary.silentMs;
    if (performance.now() - started >= patienceMs)
      return {
        cameUp: false,
        reason: `a guest did not start on it within ${patienceMs / 1000} s.`,
      };
    await sleep(pollMs);
  }
}
