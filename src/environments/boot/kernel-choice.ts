import { createHash } from "node:crypto";
import { onDemandModules, wantedModules } from "./modules.ts";

/** Debian 12's kernel, whatever Debian the environment is: one kernel to test, one to trust. */
export const kernelSuite = "bookworm";
export const kernelPackage = "linux-image-cloud-amd64";

/** The part of the kernel's package that guests are given. */
export interface KernelChoice {
  /** Loaded when a guest boots. */
  readonly wanted: readonly string[];
  /** Loaded when a program of the guest asks. */
  readonly onDemand: readonly string[];
}

export const currentChoice: KernelChoice = { wanted: wantedModules, onDemand: onDemandModules };

/**
 * The directory, below that of the boot files, of the kernel with these modules and no others. Versions of pyro that share a
 * cache and want different ones each have their own.
 */
export function kernelDirectory({ wanted, onDemand }: KernelChoice = currentChoice): string {
  const choice = JSON.stringify([kernelSuite, kernelPackage, wanted, onDemand]);
  return `kernel-${createHash("sha256").update(choice).digest("hex").slice(0, 16)}`;
}

/** Whether this is the name of such a directory, whatever modules are in it. Earlier ones were not told apart. */
export function isKernelDirectory(name: string): boolean {
  return /^kernel(-[\da-f]{16})?$/.test(name);
}
