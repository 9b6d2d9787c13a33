import { totalmem } from "node:os";
import type {
  Adopt,
  BootFiles,
  Driver,
  DriverProbe,
  DriverStatus,
  HostDriver,
  Machine,
} from "../../drivers/driver.ts";
import { ensureBlankDisk } from "../../environments/blank-disk.ts";
import { ensureBootFiles, findBootFiles } from "../../environments/boot/ensure-boot-files.ts";
import { ImageStore } from "../../environments/store.ts";
import { TemplateStore } from "../../environments/templates.ts";
import { PyroError } from "../../model/errors.ts";
import type { Config } from "../../platform/config.ts";
import { ensurePrivateDirectory } from "../../platform/directories.ts";
import type { Trace } from "../../platform/trace.ts";
import type { MachineFactory } from "./machine-factory.ts";
import { Standbys, type StandbyWanted } from "./standbys.ts";

export interface HostParts {
  readonly config: Config;
  /** The guest agent's executable. */
  readonly agentPath: string;
  /** Drivers that isolate, best first. */
  readonly probes: readonly DriverProbe[];
  /** How the running machines of a driver are taken over; throws `not_supported` for one that there is not. */
  readonly adopterOf: (driver: string) => Adopt;
  /** The driver without isolation, used only when it is asked for by name. */
  readonly compatDriver: HostDriver;
  readonly trace: Trace;
}

/** One step of long work, for people who wait. */
export interface Progress {
  readonly step: string;
  readonly completedBytes?: number;
  /** Absent when nobody knows how much there will be. */
  readonly totalBytes?: number;
}

export type OnProgress = (progress: Progress) => void;

export interface WorkOptions {
  readonly onProgress?: OnProgress | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** This machine as a place where guests run: its directories, its boot files, its driver. */
export class Host {
  readonly config: Config;
  readonly images: ImageStore;
  readonly templates: TemplateStore;
  readonly standbys: Standbys;
  readonly trace: Trace;
  readonly #parts: HostParts;
  #lastWanted: StandbyWanted | undefined;

  constructor(parts: HostParts) {
    this.#parts = parts;
    this.config = parts.config;
    this.trace = parts.trace;
    this.images = new ImageStore(parts.config.cacheDirectory);
    this.templates = new TemplateStore(parts.config.cacheDirectory);
    this.standbys = new Standbys(parts.config.stateDirectory);
  }

  /** Memory of the host in MiB; more than that is never given to a guest. */
  get memMib(): number {
    return Math.floor(totalmem() / (1024 * 1024));
  }

  /** Makes sure our directories are there and ours. Refuses anything else before work begins. */
  prepareDirectories(): void {
    ensurePrivateDirectory(this.config.cacheDirectory);
    ensurePrivateDirectory(this.config.stateDirectory);
  }

  /** Ends what starts of machines that were cut off left running. */
  sweepProcesses(): void {
    for (const probe of this.#parts.probes) probe.sweep();
  }

  /** Kernel and initial file system; fetched on first use. */
  bootFiles({ onProgress, signal }: WorkOptions = {}): Promise<BootFiles> {
    return ensureBootFiles({
      config: this.config,
      agentPath: this.#parts.agentPath,
      onStep: (step) => onProgress?.({ step }),
      signal,
    });
  }

  installedBootFiles(): Promise<BootFiles | undefined> {
    return findBootFiles({ config: this.config, agentPath: this.#parts.agentPath });
  }

  /** The best driver that isolates, with its account of itself. */
  async isolatingDriver(
    boot: BootFiles | undefined,
    signal?: AbortSignal,
  ): Promise<{ status: DriverStatus; driver: Driver | undefined; name: string }> {
    const failed: { status: DriverStatus; driver: undefined; name: string }[] = [];
    for (const probe of this.#parts.probes) {
      const { status, driver } = await probe.probe({ boot, signal });
      if (driver) return { status, driver, name: probe.name };
      failed.push({ status, driver: undefined, name: probe.name });
    }
    const last = failed.pop();
    if (last === undefined) throw new PyroError("internal", "No driver was composed.");
    const reasons = failed.flatMap(({ status }) => (status.isAbsent ? [] : status.reason));
    const reason = [last.status.reason, ...reasons].join(" ");
    return { ...last, status: { ...last.status, reason } };
  }

  /** Everything a guest starts from. Throws `virtualization_unavailable` or `kvm_required` when none can. */
  async machineFactory(options: WorkOptions = {}): Promise<MachineFactory> {
    const boot = await this.bootFiles(options);
    const { driver, status } = await this.isolatingDriver(boot, options.signal);
    if (driver === undefined) throw noDriver(status, this.config.requireKvm);
    return {
      driver,
      boot,
      blank: () => ensureBlankDisk(this.config.cacheDirectory),
      images: this.images,
      templates: this.templates,
      standbys: this.standbys,
      adopt: (...machine) => this.adopt(...machine),
      onWanted: (wanted) => {
        this.#lastWanted = wanted;
      },
      trace: this.trace,
    };
  }

  /** The machine with a new disk that was last asked for. */
  get lastWanted(): StandbyWanted | undefined {
    return this.#lastWanted;
  }

  /** Takes over a machine of `driver`, which it keeps whatever runs guests now. */
  adopt(driver: string, ...machine: Parameters<Adopt>): Machine {
    return this.#parts.adopterOf(driver)(...machine);
  }

  /** The driver without isolation. */
  get compatDriver(): HostDriver {
    return this.#parts.compatDriver;
  }
}

function noDriver(status: DriverStatus, requireKvm: boolean): PyroError {
  const hint =
    status.fix === undefined ? "Run pyro doctor." : `${status.fix} (pyro doctor has the details)`;
  if (requireKvm && status.reason.startsWith("PYRO_REQUIRE_KVM"))
    return new PyroError("kvm_required", status.reason, { hint });
  return new PyroError("virtualization_unavailable", `No guest can run here: ${status.reason}`, {
    hint,
  });
}
