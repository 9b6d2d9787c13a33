import { join } from "node:path";
import { toolEnvironment } from "../../platform/config.ts";
import { endStrandedJails } from "../../platform/stranded-jails.ts";
import { BootVerdicts, proofOf } from "../boot-verdicts.ts";
import { cpuModel } from "../cpu-model.ts";
import type { Driver, DriverProbe, DriverStatus } from "../driver.ts";
import { kvmGid, kvmRefusal } from "../kvm-access.ts";
import { RememberedFact } from "../remembered-fact.ts";
import { findQemu } from "./find-qemu.ts";
import { QemuDriver, type QemuInstallation } from "./qemu-driver.ts";
import { tscRate } from "./tsc-rate.ts";

export interface QemuProbeOptions {
  readonly cacheDirectory: string;
  readonly requireKvm: boolean;
  /** Measures the host's time stamp counter, in kHz. */
  readonly measureTsc: () => Promise<number>;
  /** The guest agent's program, which guards machines that outlive us. */
  readonly guardianProgram: string;
  /** Searched for the program; default: this process's PATH. */
  readonly searchPath?: string;
}

type Question = Parameters<DriverProbe["probe"]>[0];
type Answer = Awaited<ReturnType<DriverProbe["probe"]>>;
type Host = Omit<QemuInstallation, "accelerator" | "kvmGid">;

/** Finds QEMU, and measures once whether KVM really runs a guest. */
export class QemuProbe implements DriverProbe {
  readonly name = "qemu";
  readonly #options: QemuProbeOptions;

  constructor(options: QemuProbeOptions) {
    this.#options = options;
  }

  sweep(): void {
    endStrandedJails();
  }

  async probe(question: Question): Promise<Answer> {
    const { requireKvm, measureTsc, guardianProgram } = this.#options;
    const { searchPath = toolEnvironment().PATH } = this.#options;
    const qemu = await findQemu(searchPath, this.#fact("qemu-version"));
    if ("reason" in qemu) return unusable(qemu);
    const tscKhz = await tscRate(this.#fact("tsc-rate"), measureTsc);
    const host = { ...qemu, cpuModel: cpuModel(), tscKhz, guardianProgram };
    const onKvm = await this.#onKvm(host, question);
    if (typeof onKvm !== "string") return onKvm;
    if (!requireKvm) return this.#inEmulation(host, { ...question, reason: onKvm });
    return unusable({
      version: qemu.version.text,
      reason: `PYRO_REQUIRE_KVM is set, but ${onKvm}`,
      fix: "Run pyro on a host with working KVM, or unset PYRO_REQUIRE_KVM.",
    });
  }

  /** A driver on KVM, which a guest was seen to come up on, or why not. */
  async #onKvm(host: Host, { boot, prove, signal }: Question): Promise<Answer | string> {
    const gid = kvmGid();
    const refused = kvmRefusal(gid);
    if (refused !== undefined) return refused;
    if (boot === undefined) return "KVM is untested until the guest kernel is installed.";
    const verdicts = new BootVerdicts(this.#options.cacheDirectory, "kvm");
    const driver = new QemuDriver({ ...host, accelerator: "kvm", kvmGid: gid }, verdicts);
    const verdict = await verdicts.decide(driver, { boot, again: prove === true, signal });
    if (!verdict.cameUp) return `/dev/kvm opens, but ${verdict.reason}`;
    const proof = proofOf(verdict);
    return usable(driver, { host, accelerator: "kvm", reason: `KVM works: ${proof}.`, proof });
  }

  /** Nobody waits for a canary here: the machine that is wanted shows as well whether guests come up. */
  async #inEmulation(
    host: Host,
    { boot, prove, signal, reason }: Question & { reason: string },
  ): Promise<Answer> {
    const verdicts = new BootVerdicts(this.#options.cacheDirectory, "tcg");
    const driver = new QemuDriver({ ...host, accelerator: "tcg", kvmGid: undefined }, verdicts);
    const account = { host, accelerator: "tcg", reason, proof: undefined };
    if (!prove || boot === undefined) return usable(driver, account);
    const verdict = await verdicts.decide(driver, { boot, again: true, signal });
    if (verdict.cameUp) return usable(driver, { ...account, proof: proofOf(verdict) });
    return unusable({
      version: host.version.text,
      reason: `QEMU emulates a machine, but ${verdict.reason}`,
      fix: undefined,
    });
  }

  /** A fact about this host that is worth remembering. */
  #fact<Value>(name: string): RememberedFact<Value> {
    return new RememberedFact(join(this.#options.cacheDirectory, `${name}.json`));
  }
}

function usable(
  driver: Driver,
  account: {
    host: Host;
    accelerator: string;
    reason: string;
    proof: string | undefined;
  },
): Answer {
  const { host, ...rest } = account;
  return { status: { usable: true, version: host.version.text, fix: undefined, ...rest }, driver };
}

function unusable(fault: Pick<DriverStatus, "version" | "reason" | "fix">): Answer {
  const status = { usable: false, accelerator: undefined, proof: undefined, ...fault };
  return { status, driver: undefined };
}
