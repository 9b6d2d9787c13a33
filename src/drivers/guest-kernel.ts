import type { MachineSpec } from "./driver.ts";

export interface GuestKernel {
  readonly spec: Pick<MachineSpec, "role" | "isTalkative">;
  /** Ticks per millisecond of the host's time stamp counter, where the machine is emulated. */
  readonly emulatedTscKhz?: number | undefined;
  /** What this monitor needs beside what all do. */
  readonly more?: string;
}

/**
 * The guest kernel's command line. An emulated guest counts the host's ticks: unless it is told how many make a
 * second its clock runs wrong, and guests that boot side by side hang while they measure. And emulation
 * keeps its translation of a program only while the program is mapped at the same address, so that
 * randomizing addresses makes every start of a program five times slower.
 */
export function kernelCommandLine({
  spec,
  emulatedTscKhz,
  more = "reboot=t",
}: GuestKernel): string {
  return [
    // The first line that is not an error says which kernel it is.
    `console=ttyS0 ${spec.isTalkative ? "loglevel=6" : "quiet loglevel=4"} panic=-1 ${more}`,
    "random.trust_cpu=on no_timer_check noreplace-smp cryptomgr.notests 8250.nr_uarts=1 rcupdate.rcu_expedited=1",
    // Bookkeeping that nobody reads in a sandbox, on the path of every start of a program.
    "psi=0 audit=0 noautogroup nowatchdog transparent_hugepage=never lsm=landlock,yama",
    emulatedTscKhz === undefined
      ? ""
      : `tsc_early_khz=${emulatedTscKhz} tsc=reliable mitigations=off norandmaps`,
    spec.role === "builder" ? "pyro.mode=builder" : "",
  ]
    .filter(Boolean)
    .join(" ");
}
