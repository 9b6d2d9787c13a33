import { endStrandedJails } from "../../platform/stranded-jails.ts";
import type { DriverProbe } from "../driver.ts";
import { findProgram } from "../find-program.ts";
import type { FirecrackerProbeOptions } from "./firecracker-probe.ts";

/** Looks for Firecracker, and loads the code for it only where there is one, or must be. */
export class LazyFirecrackerProbe implements DriverProbe {
  readonly name = "firecracker";
  readonly #options: FirecrackerProbeOptions;

  constructor(options: FirecrackerProbeOptions) {
    this.#options = options;
  }

  /** Whoever else starts machines ends what was stranded, whatever it was to be. */
  sweep(): void {
    if (this.#options.isRequired) endStrandedJails();
  }

  async probe(question: Parameters<DriverProbe["probe"]>[0]): ReturnType<DriverProbe["probe"]> {
    const { given, searchPath, isRequired } = this.#options;
    if (!isRequired && given === undefined && findProgram(this.name, searchPath) === undefined)
      return absent;
    const { FirecrackerProbe } = await import("./firecracker-probe.ts");
    return new FirecrackerProbe(this.#options).probe(question);
  }
}

const absent = {
  status: {
    usable: false,
    isAbsent: true,
    version: undefined,
    accelerator: undefined,
    reason: "firecracker is not installed.",
    fix: undefined,
    proof: undefined,
  },
  driver: undefined,
} as const;
