import { closeSync, openSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { PyroError } from "../../model/errors.ts";
import type { BootFiles, Driver, Machine } from "../driver.ts";

const pollMs = 10;
/** A shell's answers when the monitor's program could not be started. */
const notStarted = [126, 127];

/** How a guest that was started came out. Everything else that can happen is an error, and says nothing about guests. */
export type CanaryOutcome =
  | { readonly cameUp: true; readonly bootMs: number }
  | { readonly cameUp: false; readonly reason: string };

export interface Canary {
  readonly driver: Driver;
  readonly boot: BootFiles;
  readonly deadlineMs: number;
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

async function watch(machine: Machine, { deadlineMs, signal }: Canary): Promise<CanaryOutcome> {
  const started = performance.now();
  let outcome: CanaryOutcome | PyroError | undefined;
  machine.exited.then(
    (exit) => {
      const said = exit.stderrTail.trim().split("\n").at(-1) || "QEMU ended";
      // Whoever kills a monitor, or keeps it from starting, says nothing about guests.
      outcome =
        exit.signal !== null || notStarted.includes(exit.exitCode ?? 0)
          ? new PyroError("vmm_failed", `The test of whether guests boot was cut off: ${said}`)
          : { cameUp: false, reason: `a guest does not run on it: ${said}` };
    },
    () => undefined,
  );
  while (performance.now() - started < deadlineMs) {
    signal?.throwIfAborted();
    // The agent speaks once user space runs; a guest without disks still gets that far.
    if (machine.consoleTail().includes("pyro-agent:"))
      return { cameUp: true, bootMs: Math.round(performance.now() - started) };
    if (outcome instanceof PyroError) throw outcome;
    if (outcome !== undefined) return outcome;
    await sleep(pollMs);
  }
  return { cameUp: false, reason: `a guest did not start on it within ${deadlineMs / 1000} s.` };
}
