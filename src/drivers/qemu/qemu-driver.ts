import { createHash } from "node:crypto";
import {
  chmodSync,
  chownSync,
  closeSync,
  constants,
  fchownSync,
  ftruncateSync,
  openSync,
} from "node:fs";
import { dirname } from "node:path";
import type { Duplex } from "node:stream";
import type { ProcessIdentity } from "../../platform/processes.ts";
import type {
  Driver,
  DriverCapabilities,
  Machine,
  MachineSpec,
  SavableMachine,
  TemplateFiles,
} from "../driver.ts";
import { jailIdentity } from "../jail.ts";
import {
  type GuestMemory,
  opensPrivateMemoryReadOnly,
  type QemuLayout,
  qemuArguments,
} from "./command-line.ts";
import type { Firmware } from "./firmware.ts";
import { Descriptors, launchJailed } from "./launch.ts";
import {
  adoptQemuMachine,
  inheritedSockets,
  listeningSockets,
  type MachineSockets,
  QemuMachine,
  socketNames,
} from "./qemu-machine.ts";
import type { StateSource, StateTarget } from "./save-state.ts";

/** What probing found out about QEMU on this host. */
export interface QemuInstallation {
  readonly program: string;
  readonly version: { readonly major: number; readonly minor: number; readonly text: string };
  readonly firmware: Firmware;
  readonly accelerator: "kvm" | "tcg";
  /** Group that may open /dev/kvm; only with KVM. */
  readonly kvmGid: number | undefined;
  /** Rate of the host's time stamp counter, for emulated guests. */
  readonly tscKhz: number;
  /** The host CPU, part of saved state under KVM only. */
  readonly cpuModel: string;
}

/** How guest memory is provided, with the files behind it. */
type MemorySource =
  | { readonly kind: "anonymous" }
  | ({ readonly kind: "shared" | "private" } & TemplateFiles);

/** Machines as jailed QEMU `microvm` processes, on KVM or in software emulation. */
export class QemuDriver implements Driver {
  readonly name = "qemu";
  readonly capabilities: DriverCapabilities;
  readonly fingerprint: string;
  readonly #installation: QemuInstallation;

  constructor(installation: QemuInstallation) {
    const { accelerator } = installation;
    this.#installation = installation;
    this.capabilities = {
      isolation: accelerator === "kvm" ? "hardware" : "emulated",
      executionMode: "guest_virtio_serial",
      templates: true,
      environments: true,
    };
    this.fingerprint = fingerprintOf(installation);
  }

  boot(spec: MachineSpec): Promise<Machine> {
    return this.#start(spec, { kind: "anonymous" });
  }

  bootSavable(spec: MachineSpec, template: TemplateFiles): Promise<SavableMachine> {
    createMemoryFile(template.memoryPath, spec.memMib);
    return this.#start(spec, { kind: "shared", ...template });
  }

  restore(spec: MachineSpec, template: TemplateFiles): Promise<Machine> {
    return this.#start(spec, { kind: "private", ...template });
  }

  adopt(identity: ProcessIdentity, directory: string): Machine {
    return adoptQemuMachine(identity, directory);
  }

  async #start(spec: MachineSpec, source: MemorySource): Promise<QemuMachine> {
    const descriptors = new Descriptors();
    try {
      const plan = this.#plan(spec, source, descriptors);
      const { child, identity, exited } = await launchJailed({
        program: this.#installation.program,
        arguments: qemuArguments(plan.layout),
        devices: this.#installation.accelerator === "kvm" ? ["/dev/kvm"] : [],
        inherited: descriptors.inherited,
        deviceGid: this.#installation.kvmGid,
        ttlMs: spec.lifetime === "caller" ? undefined : spec.lifetime.ttlMs,
      });
      const sockets =
        spec.lifetime === "caller"
          ? takeSockets(child.stdio as readonly unknown[], plan.socketFds)
          : listeningSockets(spec.lifetime.directory, identity);
      if (spec.lifetime !== "caller") child.unref();
      const machine = new QemuMachine({
        identity,
        exited,
        sockets,
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

  #plan(spec: MachineSpec, source: MemorySource, descriptors: Descriptors): StartPlan {
    const places = placeSockets(spec, descriptors);
    return {
      socketFds: places.fds,
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
        kernelPath: descriptors.share(spec.boot.kernelPath),
        initramfsPath:
          source.kind === "private" ? undefined : descriptors.share(spec.boot.initramfsPath),
        environmentFd: descriptors.add(spec.environmentDisk),
        dataFd: spec.dataDisk === undefined ? undefined : descriptors.add(spec.dataDisk),
        sockets: places.sockets,
        memory: this.#memory(source, descriptors),
      },
    };
  }

  #memory(source: MemorySource, descriptors: Descriptors): GuestMemory {
    if (source.kind === "anonymous") return { kind: "anonymous" };
    if (source.kind === "shared")
      return { kind: "shared", path: descriptors.share(source.memoryPath, constants.O_RDWR) };
    const readOnly = opensPrivateMemoryReadOnly(this.#installation.version);
    const path = descriptors.share(
      source.memoryPath,
      readOnly ? constants.O_RDONLY : constants.O_RDWR,
    );
    return { kind: "private", path };
  }
}

/** Saved state fits the same QEMU with the same firmware, machine, CPU, devices and kernel command line, and nothing else. */
function fingerprintOf(installation: QemuInstallation): string {
  const { version, accelerator, cpuModel, tscKhz, firmware } = installation;
  const socket = { fd: 0 };
  const machine = qemuArguments({
    spec: { vcpuCount: 1, memMib: 1024, role: "workload" },
    accelerator,
    version,
    tscKhz,
    firmwarePath: firmware.digest,
    kernelPath: "",
    initramfsPath: undefined,
    environmentFd: 0,
    dataFd: 0,
    sockets: { channel: socket, monitor: socket, console: socket },
    memory: { kind: "anonymous" },
  });
  // Under KVM the guest sees the host's own CPU.
  const described = [version.text, accelerator === "kvm" ? cpuModel : "", ...machine].join("\0");
  return createHash("sha256").update(described).digest("hex");
}

interface StartPlan {
  readonly layout: QemuLayout;
  readonly socketFds: SocketFds | undefined;
  readonly stateTarget: StateTarget | undefined;
  /** What a machine resumes from; all of it but our end of the socket. */
  readonly state: Omit<StateSource, "stream"> | undefined;
}

type SocketFds = Record<keyof typeof socketNames, number>;

/** Decides where the machine's sockets are: in our hands, or in its directory. */
function placeSockets(
  spec: MachineSpec,
  descriptors: Descriptors,
): { sockets: QemuLayout["sockets"]; fds: SocketFds | undefined } {
  if (spec.lifetime === "caller") {
    const fds = {
      channel: descriptors.add("socket"),
      monitor: descriptors.add("socket"),
      console: descriptors.add("socket"),
    };
    return {
      fds,
      sockets: {
        channel: { fd: fds.channel },
        monitor: { fd: fds.monitor },
        console: { fd: fds.console },
      },
    };
  }
  const { uid, gid } = jailIdentity();
  if (uid !== undefined && gid !== undefined) chownSync(spec.lifetime.directory, uid, gid);
  const directory = descriptors.share(spec.lifetime.directory);
  const place = (name: keyof typeof socketNames) => ({ path: `${directory}/${socketNames[name]}` });
  return {
    fds: undefined,
    sockets: { channel: place("channel"), monitor: place("monitor"), console: place("console") },
  };
}

function takeSockets(stdio: readonly unknown[], fds: SocketFds | undefined): MachineSockets {
  const stream = (name: keyof typeof socketNames): Duplex => stdio[fds?.[name] ?? 0] as Duplex;
  return inheritedSockets({
    channel: stream("channel"),
    monitor: stream("monitor"),
    console: stream("console"),
  });
}

function stateTarget(template: TemplateFiles, descriptors: Descriptors): StateTarget {
  const directory = dirname(template.statePath);
  // The jailed identity must reach the socket in it; the cache above is closed to everybody else.
  chmodSync(directory, 0o711);
  return {
    statePath: template.statePath,
    directory,
    jailedDirectory: descriptors.share(directory),
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
