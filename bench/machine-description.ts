import { execFileSync } from "node:child_process";
import { arch, availableParallelism, cpus, release, totalmem } from "node:os";
import { toolEnvironment } from "../src/platform/config.ts";
import { version } from "../src/version.ts";
import type { Bench } from "./bench.ts";

/** Where the figures were measured, and with what. */
export interface MachineDescription {
  readonly cpuModel: string;
  readonly coreCount: number;
  readonly memMib: number;
  readonly architecture: string;
  readonly kernel: string;
  readonly qemuVersion: string | undefined;
  /** `kvm` or `tcg`. */
  readonly accelerator: string | undefined;
  readonly nodeVersion: string;
  readonly bwrapVersion: string | undefined;
  readonly runscVersion: string | undefined;
  readonly pyroVersion: string;
}

export async function describeMachine({ engine, signal }: Bench): Promise<MachineDescription> {
  const boot = await engine.host.installedBootFiles();
  const { status } = await engine.host.isolatingDriver(boot, signal);
  return {
    cpuModel: cpus()[0]?.model ?? "unknown",
    coreCount: availableParallelism(),
    memMib: Math.floor(totalmem() / (1024 * 1024)),
    architecture: arch(),
    kernel: release(),
    qemuVersion: status.version,
    accelerator: status.accelerator,
    nodeVersion: process.version,
    bwrapVersion: versionOf("bwrap"),
    runscVersion: versionOf("runsc"),
    pyroVersion: version,
  };
}

export function machineLine(machine: MachineDescription): string {
  const { cpuModel, coreCount, memMib, kernel, qemuVersion, accelerator, nodeVersion } = machine;
  const memory = `${(memMib / 1024).toFixed(0)} GiB`;
  return `${cpuModel}, ${coreCount} cores, ${memory}; Linux ${kernel}; QEMU ${qemuVersion} on ${accelerator}; Node ${nodeVersion}`;
}

/** The first line a program says of itself, or undefined when it is not there. */
function versionOf(program: string): string | undefined {
  try {
    const said = execFileSync(program, ["--version"], { encoding: "utf8", env: toolEnvironment() });
    return said.split("\n")[0]?.trim();
  } catch {
    return undefined;
  }
}
