import { createHash } from "node:crypto";
import { closeSync, constants, fchownSync, ftruncateSync, openSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Duplex } from "node:stream";
import type { CpuLevel } from "../../model/machine-options.ts";
import { openPath } from "../../platform/descriptor-path.ts";
import { listenUnix } from "../../platform/unix-socket.ts";
import type { BootVerdicts } from "../boot-verdicts.ts";
import { Descriptors } from "../descriptors.ts";
import type {
  BootFiles,
  Driver,
  DriverCapabilities,
  Machine,
  MachineSpec,
  SavableMachine,
  TemplateFiles,
} from "../driver.ts";
import { jailIdentity } from "../jail.ts";
import { type LaunchOptions, launchJailed } from "../launch.ts";
import { isWritable } from "../open-files.ts";
import {
  type DataPlace,
  type GuestMemory,
  opensPrivateMemoryReadOnly,
  type QemuLayout,
  qemuArguments,
  type SocketPlace,
} from "./command-line.ts";
import type { Qemu } from "./find-qemu.ts";
import { readOnlyMemoryFilter } from "./open-filter.ts";
import {
  inheritedSockets,
  listeningSockets,
  type MachineSockets,
  QemuMachine,
  socketNames,
} from "./qemu-machine.ts";
import type { StateSource, StateTarget } from "./save-state.ts";

/** What probing found out about QEMU on this host. */
export interface QemuInstallation extends Qemu {
  readonly accelerator: "kvm" | "tcg";
  /** Group that may open /dev/kvm; only with KVM. */
  readonly kvmGid: number | undefined;
  /** Rate of the host's time stamp counter, for emulated guests. */
  readonly tscKhz: number;
  /** The guest agent's program, which guards machines that outlive us. */
  readonly guardianProgram: string;
  /** The host CPU, part of saved state under KVM only. */
  readonly cpuModel: string;
}

/** How guest memory is provided, with the files behind it. */
type MemorySource =
  | { readonly kind: "anonymous" }
  | SavedSource
  | ({ readonly kind: "private" } & TemplateFiles);

interface SavedSource extends TemplateFiles {
  readonly kind: "shared";
  readonly stateListener: StateTarget["listener"];
  readonly stateSocketPath: string;
}

/** Machines as jailed QEMU `microvm` processes, on KVM or in software emulation. */
export class QemuDriver implements Driver {
  readonly name = "qemu";
  readonly restoresOnReadOnlyDisk = true;
  readonly capabilities: DriverCapabilities;
  readonly #installation: QemuInstallation;
  readonly #verdicts: Pick<BootVerdicts, "record">;

  constructor(installation: QemuInstallation, verdicts: Pick<BootVerdicts, "record">) {
    const { accelerator } = installation;
    this.#verdicts = verdicts;
    this.#installation = installation;
    this.capabilities = {
      isolation: accelerator === "kvm" ? "hardware" : "emulated",
      executionMode: "guest_virtio_serial",
    };
  }

  fingerprintOf(cpu: CpuLevel): string {
    return fingerprintOf(this.#installation, cpu);
  }

  boot(spec: MachineSpec): Promise<Machine> {
    return this.#start(spec, { kind: "anonymous" });
  }

  async bootSavable(spec: MachineSpec, template: TemplateFiles): Promise<SavableMachine> {
    createMemoryFile(template.memoryPath, spec.memMib);
    const stateSocketPath = join(dirname(template.statePath), "state.sock");
    const stateListener = await listenUnix(stateSocketPath, 0o666);
    const close = () => void stateListener.close();
    try {
      const source = { kind: "shared", stateListener, stateSocketPath, ...template } as const;
      const machine = await this.#start(spec, source);
      machine.exited.then(close, close);
      return machine;
    } catch (error) {
      close();
      throw error;
    }
  }

  restore(spec: MachineSpec, template: TemplateFiles): Promise<Machine> {
    return this.#start(spec, { kind: "private", ...template });
  }

  recordBoot(boot: BootFiles, cameUp: boolean): Promise<void> {
    return this.#verdicts.record(this, boot, cameUp);
  }

  async #start(spec: MachineSpec, source: MemorySource): Promise<QemuMachine> {
    const descriptors = new Descriptors();
    try {
      const plan = await this.#plan(spec, source, descriptors);
      const { child, identity, exited, allowance } = await launchJailed({
        program: this.#installation.program,
        arguments: qemuArguments(plan.layout),
        devices: this.#installation.accelerator === "kvm" ? ["/dev/kvm"] : [],
        descriptors,
        deviceGid: this.#installation.kvmGid,
        lifetime: spec.lifetime,
        guardianProgram: this.#installation.guardianProgram,
        ...this.#memoryOnStdin(plan.layout.memory, descriptors),
      });
      const sockets =
        spec.lifetime === "caller"
          ? takeSockets(child.stdio as readonly unknown[], plan.layout.sockets)
          : listeningSockets(spec.lifetime.directory, identity);
      if (spec.lifetime !== "caller") child.unref();
      const machine = new QemuMachine({
        identity,
        exited,
        sockets,
        allowance: () => allowance,
        ...(plan.stateTarget && { stateTarget: plan.stateTarget }),
      });
      if (plan.state) {
        const stream = child.stdio[plan.state.fd] as Duplex;
        void machine.loadState({ ...plan.state, stream });
      }
      return machine;
    } finally {
      descriptors.close();
    }
  }

  async #plan(
    spec: MachineSpec,
    source: MemorySource,
    descriptors: Descriptors,
  ): Promise<StartPlan> {
    const sockets = await placeSockets(spec, descriptors);
    return {
      stateTarget: source.kind === "shared" ? stateTarget(source, descriptors) : undefined,
      state:
        source.kind === "private"
          ? { fd: descriptors.add("socket"), statePath: source.statePath }
          : undefined,
      layout: {
        spec,
        accelerator: this.#installation.accelerator,
        version: this.#installation.version,
        tscKhz: this.#installation.tscKhz,
        firmwarePath: descriptors.share(this.#installation.firmware.path),
        kernelPath: descriptors.shareReadOnly(spec.boot.kernelPath, "kernel"),
        initramfsPath:
          source.kind === "private"
            ? undefined
            : descriptors.shareReadOnly(spec.boot.initramfsPath, "initramfs"),
        environment:
          spec.role === "builder"
            ? { fd: descriptors.add(spec.environmentDisk) }
            : descriptors.lendReadOnly(spec.environmentDisk, "environment"),
        data: spec.dataDisk === undefined ? undefined : placeData(spec.dataDisk, descriptors),
        targetFd: spec.targetDisk === undefined ? undefined : descriptors.add(spec.targetDisk),
        sockets,
        memory: this.#memory(source, descriptors),
      },
    };
  }

  /** Before 8.2 QEMU would open the memory for writing: it gets it opened. */
  #memoryOnStdin(
    memory: GuestMemory,
    descriptors: Descriptors,
  ): Pick<LaunchOptions, "stdin" | "filter"> {
    if (memory.kind !== "private" || opensPrivateMemoryReadOnly(this.#installation.version))
      return {};
    const fd = descriptors.add("socket");
    return { stdin: memory.path, filter: { fd, program: readOnlyMemoryFilter() } };
  }

  #memory(source: MemorySource, descriptors: Descriptors): GuestMemory {
    if (source.kind === "anonymous") return { kind: "anonymous" };
    if (source.kind === "shared")
      return { kind: "shared", path: descriptors.share(source.memoryPath, constants.O_RDWR) };
    return { kind: "private", path: descriptors.shareReadOnly(source.memoryPath, "memory") };
  }
}

/** Saved state fits the same QEMU with the same firmware, machine, CPU, devices and kernel command line, and nothing else. */
function fingerprintOf(installation: QemuInstallation, cpu: CpuLevel): string {
  const { version, accelerator, cpuModel, tscKhz, firmware } = installation;
  const socket = { fd: 0, listens: false };
  const machine = qemuArguments({
    spec: { vcpuCount: 1, memMib: 1024, cpu, role: "workload" },
    accelerator,
    version,
    tscKhz,
    firmwarePath: firmware.digest,
    kernelPath: "",
    initramfsPath: undefined,
    environment: { fd: 0 },
    data: { place: { fd: 0 }, isReadOnly: false },
    sockets: { channel: socket, monitor: socket, console: socket },
    memory: { kind: "anonymous" },
  });
  // Under KVM the guest sees the host's own CPU.
  const described = [version.text, accelerator === "kvm" ? cpuModel : "", ...machine].join("\0");
  return createHash("sha256").update(described).digest("hex");
}

interface StartPlan {
  readonly layout: QemuLayout;
  readonly stateTarget: StateTarget | undefined;
  /** What a machine resumes from; all of it but our end of the socket. */
  readonly state: Omit<StateSource, "stream"> | undefined;
}

/**
 * The machine's sockets: connected to us, or listening in its directory. Either way QEMU gets them ready-made, because a
 * directory that it could make them in would be a way out of its jail.
 */
async function placeSockets(
  { lifetime }: MachineSpec,
  descriptors: Descriptors,
): Promise<QemuLayout["sockets"]> {
  const place = async (name: keyof typeof socketNames): Promise<SocketPlace> =>
    lifetime === "caller"
      ? { fd: descriptors.add("socket"), listens: false }
      : {
          fd: await descriptors.listen(join(lifetime.directory, socketNames[name])),
          listens: true,
        };
  return {
    channel: await place("channel"),
    monitor: await place("monitor"),
    console: await place("console"),
  };
}

/** A disk that is only looked at is another workspace's, or will be again: it must not be opened anew for writing. */
function placeData(fd: number, descriptors: Descriptors): DataPlace {
  const isReadOnly = !isWritable("self", fd);
  const place = isReadOnly ? descriptors.lendReadOnly(fd, "data") : { fd: descriptors.add(fd) };
  return { place, isReadOnly };
}

function takeSockets(stdio: readonly unknown[], places: QemuLayout["sockets"]): MachineSockets {
  const stream = (name: keyof typeof socketNames) => stdio[places[name].fd] as Duplex;
  return inheritedSockets({
    channel: stream("channel"),
    monitor: stream("monitor"),
    console: stream("console"),
  });
}

/** QEMU gets the one socket that it sends its state to, and not the directory that it lies in. */
function stateTarget(source: SavedSource, descriptors: Descriptors): StateTarget {
  return {
    statePath: source.statePath,
    listener: source.stateListener,
    jailedPath: descriptors.share(source.stateSocketPath, openPath),
  };
}

/** A sparse file for guest memory, writable by the jailed monitor. */
function createMemoryFile(path: string, memMib: number): void {
  const fd = openSync(path, "wx", 0o600);
  try {
    ftruncateSync(fd, memMib * 1024 * 1024);
    const { uid, gid } = jailIdentity();
    if (uid !== undefined && gid !== undefined) fchownSync(fd, uid, gid);
  } finally {
    closeSync(fd);
  }
}
