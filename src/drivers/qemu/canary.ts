import { closeSync, openSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { asPyroError } from "../../model/errors.ts";
import type { BootFiles, Driver } from "../driver.ts";

/** A working KVM prints the kernel's first line within a fraction of a second. */
const deadlineMs = 8_000;
const pollMs = 10;

/**
 * Boots the real guest kernel with a deadline, because a `/dev/kvm` that opens proves nothing:
 * some hosts create virtual machines that abort or spin for ever.
 */
export async function bootCanary(
  driver: Driver,
  boot: BootFiles,
  signal: AbortSignal | undefined,
): Promise<{ works: boolean; reason: string }> {
  // Any readable file will do as the disk: the guest is not meant to mount it.
  const disk = openSync(boot.initramfsPath, "r");
  try {
    const machine = await driver.boot({
      vcpuCount: 1,
      memMib: 128,
      boot,
      role: "workload",
      environmentDisk: disk,
      lifetime: "caller",
    });
    try {
      return await watch(machine, signal);
    } finally {
      await machine.kill();
    }
  } catch (error) {
    return { works: false, reason: `KVM does not run a guest here: ${asPyroError(error).message}` };
  } finally {
    closeSync(disk);
  }
}

async function watch(
  machine: Awaited<ReturnType<Driver["boot"]>>,
  signal: AbortSignal | undefined,
): Promise<{ works: boolean; reason: string }> {
  const started = performance.now();
  let ended: string | undefined;
  void machine.exited.then((exit) => {
    ended = exit.stderrTail.trim().split("\n").at(-1) || "QEMU ended";
  });
  while (performance.now() - started < deadlineMs) {
    signal?.throwIfAborted();
    // The agent speaks once user space runs; a guest without disks still gets that far.
    if (machine.consoleTail().includes("pyro-agent:"))
      return {
        works: true,
        reason: `KVM works: a guest booted in ${Math.round(performance.now() - started)} ms.`,
      };
    if (ended !== undefined)
      return { works: false, reason: `/dev/kvm opens, but a guest does not run on it: ${ended}` };
    await sleep(pollMs);
  }
  return {
    works: false,
    reason: `/dev/kvm opens, but a guest did not start on it within ${deadlineMs / 1000} s.`,
  };
}
