import { existsSync } from "node:fs";
import { join } from "node:path";
import { BootVerdicts, proofOf } from "../boot-verdicts.ts";
import { cpuModel } from "../cpu-model.ts";
import type { DriverProbe, DriverStatus } from "../driver.ts";
import { kvmGid, kvmRefusal } from "../kvm-access.ts";
import { RememberedFact } from "../remembered-fact.ts";
import { type FirecrackerPlaces, findFirecracker } from "./find-firecracker.ts";
import { FirecrackerDriver } from "./firecracker-driver.ts";

const otherFix = "Run pyro on a host with working KVM, or unset PYRO_DRIVER.";

export interface FirecrackerProbeOptions extends FirecrackerPlaces {
  readonly cacheDirectory: string;
  /** The guest agent's program, which guards machines that outlive us. */
  readonly guardianProgram: string;
  /** Whether it was asked for by name, and nothing else will do. */
  readonly isRequired: boolean;
}

type Question = Parameters<DriverProbe["probe"]>[0];
type Answer = Awaited<ReturnType<DriverProbe["probe"]>>;

/** Finds Firecracker, and measures once whether it really runs a guest. */
export class FirecrackerProbe {
  readonly #options: FirecrackerProbeOptions;

  constructor(options: FirecrackerProbeOptions) {
    this.#options = options;
  }

  async probe({ boot, prove, signal }: Question): Promise<Answer> {
    const { cacheDirectory, guardianProgram, isRequired } = this.#options;
    const fact = new RememberedFact<never>(join(cacheDirectory, "firecracker-version.json"));
    const found = await findFirecracker(this.#options, fact);
    if ("reason" in found) return this.#unusable(found);
    const { version } = found;
    const gid = kvmGid();
    const refused = kvmRefusal(gid);
    if (refused !== undefined)
      return this.#unusable({
        version,
        reason: `Firecracker needs KVM: ${refused}`,
        fix: accessFix(),
      });
    const verdicts = new BootVerdicts(cacheDirectory, "firecracker");
    const host = { kvmGid: gid, guardianProgram, cpuModel: cpuModel() };
    const driver = new FirecrackerDriver({ ...found, ...host }, verdicts);
    const account = { usable: true, version, accelerator: "kvm", fix: undefined } as const;
    if (boot === undefined) {
      const reason = "Firecracker is untested until the guest kernel is installed.";
      // Whoever asked for it by name gets it, or an error, once the kernel is there.
      if (isRequired) return { status: { ...account, reason, proof: undefined }, driver };
      return this.#unusable({ version, reason, fix: "pyro env pull debian:12" });
    }
    const verdict = await verdicts.decide(driver, { boot, again: prove === true, signal });
    if (!verdict.cameUp) {
      const reason = `Firecracker runs no guest: /dev/kvm opens, but ${verdict.reason}`;
      return this.#unusable({ version, reason, fix: otherFix });
    }
    const proof = proofOf(verdict);
    const reason = `KVM works with Firecracker: ${proof}.`;
    return { status: { ...account, reason, proof }, driver };
  }

  #unusable(fault: Pick<DriverStatus, "version" | "reason" | "fix">): Answer {
    const { version, fix } = fault;
    const asked = this.#options.isRequired ? "PYRO_DRIVER is firecracker, but: " : "";
    const reason = `${asked}${fault.reason}`;
    return {
      status: {
        usable: false,
        version,
        accelerator: undefined,
        reason,
        fix,
        proof: undefined,
      },
      driver: undefined,
    };
  }
}

/** What gives pyro a KVM that it may open. */
function accessFix(): string {
  return existsSync("/dev/kvm")
    ? "sudo chgrp kvm /dev/kvm && sudo chmod 660 /dev/kvm, and be in the group kvm"
    : "Run pyro on a host with KVM, or in a virtual machine that passes it on.";
}
