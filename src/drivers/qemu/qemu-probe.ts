import { execFile } from "node:child_process";
import { accessSync, constants, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { asPyroError } from "../../model/errors.ts";
import { toolEnvironment } from "../../platform/config.ts";
import { readJsonFile, writeFileAtomically } from "../../platform/files.ts";
import { acquireLock } from "../../platform/lock.ts";
import { currentBootId } from "../../platform/processes.ts";
import type { BootFiles, Driver, DriverProbe, DriverStatus } from "../driver.ts";
import { jailIdentity } from "../jail.ts";
import { endStrandedJails } from "../jail-gate.ts";
import { bootCanary } from "./canary.ts";
import { findFirmware, firmwareName, listDataDirectories } from "./firmware.ts";
import { QemuDriver, type QemuInstallation } from "./qemu-driver.ts";

const program = "qemu-system-x86_64";
const oldestMajor = 7;
const oldestMinor = 2;
/** Two measurements of one counter differ by less; a clock this much off loses four seconds a day. */
const sameRateShare = 50e-6;
const firmwareFix = "sudo apt-get install qemu-system-data";
const installFix = "sudo apt-get install qemu-system-x86";

/** A measured verdict on KVM, remembered as long as nothing it depends on changes. */
interface Verdict {
  readonly key: string;
  readonly works: boolean;
  readonly reason: string;
}

/** The time stamp counter's rate as once measured. */
interface TscRate {
  readonly bootId: string;
  readonly khz: number;
}

interface ProbeMemory {
  readonly tsc?: TscRate;
  readonly qemu?: {
    readonly key: string;
    readonly version: string;
    readonly dataDirectories?: readonly string[];
  };
  readonly kvm?: Verdict;
}

export interface QemuProbeOptions {
  readonly cacheDirectory: string;
  readonly requireKvm: boolean;
  /** Measures the host's time stamp counter, in kHz. */
  readonly measureTsc: () => Promise<number>;
  /** Searched for the program; default: this process's PATH. */
  readonly searchPath?: string;
}

/** Finds QEMU, and measures once whether KVM really runs a guest. */
export class QemuProbe implements DriverProbe {
  readonly name = "qemu";
  readonly #options: QemuProbeOptions;
  readonly #memoryPath: string;

  constructor(options: QemuProbeOptions) {
    this.#options = options;
    this.#memoryPath = join(options.cacheDirectory, "qemu-probe.json");
  }

  sweep(): void {
    endStrandedJails();
  }

  async probe({
    boot,
    signal,
  }: {
    boot: BootFiles | undefined;
    signal?: AbortSignal | undefined;
  }): Promise<{ status: DriverStatus; driver: Driver | undefined }> {
    const path = findProgram(this.#options.searchPath ?? toolEnvironment().PATH);
    if (path === undefined) return unusable(undefined, `${program} is not installed.`, installFix);
    const memory = await this.#recall();
    const found = await this.#version(path, memory);
    if (found.version === undefined) return unusable(undefined, found.reason, installFix);
    const version = found.version;
    if (
      version.major < oldestMajor ||
      (version.major === oldestMajor && version.minor < oldestMinor)
    ) {
      return unusable(
        version.text,
        `QEMU ${version.text} is older than ${oldestMajor}.${oldestMinor}.`,
        installFix,
      );
    }
    const memoryNow = { ...memory, ...found.memory };
    const directories = found.dataDirectories ?? [];
    const firmware = findFirmware(directories);
    if (firmware === undefined)
      return unusable(
        version.text,
        `QEMU's firmware ${firmwareName} is in none of its directories: ${directories.join(", ")}.`,
        firmwareFix,
      );
    const tscKhz = await this.#tscKhz(memoryNow);
    const base = { program: path, version, firmware, cpuModel: cpuModel(), tscKhz };
    const kvm = await this.#kvmVerdict(
      { ...base, accelerator: "kvm", kvmGid: kvmGid() },
      { boot, memory: memoryNow, signal },
    );
    if (!kvm.works && this.#options.requireKvm)
      return unusable(
        version.text,
        `PYRO_REQUIRE_KVM is set, but ${kvm.reason}`,
        "Run pyro on a host with working KVM, or unset PYRO_REQUIRE_KVM.",
      );
    const installation: QemuInstallation = {
      ...base,
      accelerator: kvm.works ? "kvm" : "tcg",
      kvmGid: kvm.works ? kvmGid() : undefined,
    };
    const status: DriverStatus = {
      usable: true,
      version: version.text,
      accelerator: installation.accelerator,
      reason: kvm.reason,
      fix: undefined,
    };
    return { status, driver: new QemuDriver(installation) };
  }

  async #version(
    path: string,
    memory: ProbeMemory,
  ): Promise<{
    version?: QemuInstallation["version"] | undefined;
    dataDirectories?: readonly string[];
    reason: string;
    memory?: ProbeMemory;
  }> {
    const { mtimeMs, size, ino } = statSync(path);
    const key = [path, mtimeMs, size, ino].join(" ");
    // Written by a pyro that did not ask for them: absent.
    const { version: known, dataDirectories: knownDirectories } =
      memory.qemu?.key === key ? memory.qemu : {};
    if (known !== undefined && knownDirectories !== undefined)
      return { version: parseVersion(known), dataDirectories: knownDirectories, reason: "" };
    let output: string;
    let dataDirectories: string[];
    try {
      ({ stdout: output } = await promisify(execFile)(path, ["--version"], {
        env: toolEnvironment(),
        timeout: 10_000,
      }));
      dataDirectories = await listDataDirectories(path);
    } catch (error) {
      return { reason: `${path} does not run: ${asPyroError(error).message.split("\n")[0]}` };
    }
    const version = parseVersion(output);
    if (version === undefined) return { reason: `${path} does not say its version.` };
    const remembered = { ...memory, qemu: { key, version: version.text, dataDirectories } };
    await this.#remember(remembered);
    return { version, dataDirectories, reason: "", memory: remembered };
  }

  async #kvmVerdict(
    installation: QemuInstallation,
    context: { boot: BootFiles | undefined; memory: ProbeMemory; signal: AbortSignal | undefined },
  ): Promise<Omit<Verdict, "key">> {
    const refused = kvmRefusal(installation.kvmGid);
    if (refused !== undefined) return { works: false, reason: refused };
    if (context.boot === undefined)
      return { works: false, reason: "KVM is untested until the guest kernel is installed." };
    const key = [
      kernelRelease(),
      installation.cpuModel,
      installation.version.text,
      context.boot.digest,
    ].join(" | ");
    if (context.memory.kvm?.key === key) return context.memory.kvm;
    const verdict = {
      key,
      ...(await bootCanary(new QemuDriver(installation), context.boot, context.signal)),
    };
    await this.#remember({ ...context.memory, kvm: verdict });
    return verdict;
  }

  /** Measured once a boot; a new measurement replaces the old only when it really differs, since templates depend on it. */
  async #tscKhz(memory: ProbeMemory): Promise<number> {
    const bootId = currentBootId();
    if (memory.tsc?.bootId === bootId) return memory.tsc.khz;
    // Processes that start together agree on one measurement, or each would make templates of its own.
    using _lock = await acquireLock(`${this.#memoryPath}.lock`);
    const meanwhile = (await this.#recall()).tsc;
    if (meanwhile?.bootId === bootId) return meanwhile.khz;
    const measured = await this.#options.measureTsc();
    const known = memory.tsc?.khz;
    const khz =
      known !== undefined && Math.abs(known - measured) / measured < sameRateShare
        ? known
        : measured;
    await this.#remember({ ...memory, tsc: { bootId, khz } });
    return khz;
  }

  async #recall(): Promise<ProbeMemory> {
    return ((await readJsonFile(this.#memoryPath)) ?? {}) as ProbeMemory;
  }

  async #remember(memory: ProbeMemory): Promise<void> {
    await writeFileAtomically(this.#memoryPath, JSON.stringify(memory));
  }
}

function unusable(
  version: string | undefined,
  reason: string,
  fix: string,
): { status: DriverStatus; driver: undefined } {
  return {
    status: { usable: false, version, accelerator: undefined, reason, fix },
    driver: undefined,
  };
}

function findProgram(searchPath: string): string | undefined {
  for (const directory of searchPath.split(":").filter(Boolean)) {
    const path = join(directory, program);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // Not here; the next directory may have it.
    }
  }
  return undefined;
}

function parseVersion(text: string): QemuInstallation["version"] | undefined {
  const match = /(\d+)\.(\d+)\.(\d+)\S*/.exec(text);
  return match?.[1] && match[2]
    ? { major: Number(match[1]), minor: Number(match[2]), text: match[0] }
    : undefined;
}

/** Why KVM cannot even be tried, or undefined when it can. */
function kvmRefusal(gid: number | undefined): string | undefined {
  try {
    if (jailIdentity().uid === undefined) accessSync("/dev/kvm", constants.R_OK | constants.W_OK);
    else if ((statSync("/dev/kvm").mode & 0o006) !== 0o006 && gid === undefined)
      return "/dev/kvm is open to root alone, and pyro never runs a monitor as root (chmod 660 /dev/kvm, chgrp kvm /dev/kvm).";
    return undefined;
  } catch {
    return "/dev/kvm is missing or not accessible to you.";
  }
}

function kvmGid(): number | undefined {
  try {
    const { mode, gid } = statSync("/dev/kvm");
    return (mode & 0o060) === 0o060 && gid !== 0 ? gid : undefined;
  } catch {
    return undefined;
  }
}

function kernelRelease(): string {
  return readFileSync("/proc/sys/kernel/osrelease", "utf8").trim();
}

function cpuModel(): string {
  return /^model name\s*:\s*(.+)$/m.exec(readFileSync("/proc/cpuinfo", "latin1"))?.[1] ?? "unknown";
}
