import type { Duplex } from "node:stream";
import type { CpuLevel } from "../model/machine-options.ts";
import type { ProcessIdentity } from "../platform/processes.ts";

/** What stands between a guest and the host. */
export type Isolation = "hardware" | "emulated" | "none";

/** How commands reach the guest; part of every result. */
export type ExecutionMode = "guest_vsock" | "guest_virtio_serial" | "host_compat";

/** What a driver can do on this host. Asked for instead of the driver's name. */
export interface DriverCapabilities {
  readonly isolation: Isolation;
  readonly executionMode: ExecutionMode;
}

/** A driver found usable or not, with what a person needs to know about it. */
export interface DriverStatus {
  readonly usable: boolean;
  /** Whether its program is not on this host at all. Absent: it is. */
  readonly isAbsent?: boolean;
  /** Version of the virtual machine monitor, or undefined when it was not found. */
  readonly version: string | undefined;
  /** `kvm`, `tcg`, or undefined when no guest runs. */
  readonly accelerator: string | undefined;
  /** Why this accelerator, or why none: one sentence. */
  readonly reason: string;
  /** The command that mends it, when something is missing. */
  readonly fix: string | undefined;
  /** How a guest was seen to come up; absent where nobody has tried. */
  readonly proof: string | undefined;
}

/** Kernel and initial file system, as paths on the host. */
export interface BootFiles {
  readonly kernelPath: string;
  readonly initramfsPath: string;
  /** Changes whenever either file does. */
  readonly digest: string;
}

/** One machine to be. Sizes are fixed for its life. */
export interface MachineSpec {
  readonly vcpuCount: number;
  readonly memMib: number;
  /** Of an emulated machine. Default v2. */
  readonly cpu?: CpuLevel;
  readonly boot: BootFiles;
  /** `builder` machines write the environment disk and have no data disk. */
  readonly role: "workload" | "builder";
  /** Open file of the environment's ext4 image; read-only unless the role is `builder`. */
  readonly environmentDisk: number;
  /** Open file of the machine's own ext4 disk, which it may write to if the file is open for that. */
  readonly dataDisk?: number;
  /** Open file of a disk that the machine makes for us, read and write. */
  readonly targetDisk?: number;
  /** Whether the guest's kernel says on the console how it comes up. Default false. */
  readonly isTalkative?: boolean;
  readonly lifetime: MachineLifetime;
}

/** The guest agent on the host itself. */
export interface HostSpec {
  /** Where its commands start, and what it may write. */
  readonly directory: string;
  readonly lifetime: MachineLifetime;
}

/** `caller`: dies with this process and leaves no name behind. */
export type MachineLifetime = "caller" | OwnLifetime;

/** Outlives this process, with its sockets in a directory, until it is killed or its time is over. */
export interface OwnLifetime {
  readonly directory: string;
  /** Infinity: until it is killed. */
  readonly ttlMs: number;
  /** Absent: all that ends it is its time, and the end of its directory. */
  readonly attendance?: Attendance | undefined;
  /** Where it waits for somebody to claim it, and by what it ends meanwhile. Absent: it is somebody's from its start. */
  readonly standby?: StandbyGuard | undefined;
  /** Writes down who the machine is before it runs: nobody would find one that outlives us without that. What it throws ends it. */
  readonly claim: (identity: ProcessIdentity) => void;
}

/** By what a machine knows that somebody looks after it. */
export interface Attendance {
  /** Held by whoever looks after it; when the file is gone, the machine is ended. */
  readonly lockPath: string;
  /** How long nobody may hold it. Absent: nobody needs to. */
  readonly unattendedSecondsMax?: number | undefined;
  /** A file to be: one line that says why the machine was ended by what guards it. */
  readonly wordPath: string;
}

/** By what a machine ends that nobody has claimed yet. */
export interface StandbyGuard {
  /** The directory of all standbys, where names say whose each is. */
  readonly root: string;
  /** How long nobody may claim it. */
  readonly idleSeconds: number;
  /** Files that must be there as they are now. */
  readonly pins: readonly string[];
  /** What programs of the host must be able to have besides. */
  readonly memoryFloorBytes: number;
  /** What the disk that it lies on must have left. */
  readonly diskFloorBytes: number;
}

/** The file beside a standby's sockets by which it is guarded once these have left the standbys. */
export const guardTermsName = "terms";

/** By what a machine is guarded that is somebody's, as its guardian is told. */
export function guardTerms({
  directory,
  ttlMs,
  attendance,
}: Pick<OwnLifetime, "directory" | "ttlMs" | "attendance">): string[] {
  const unattendedSecondsMax = attendance?.unattendedSecondsMax;
  return guardOptions({
    word: attendance?.wordPath,
    // The supervisor knows by the same file whether its workspace is there.
    place: attendance?.lockPath ?? directory,
    "ttl-seconds": Number.isFinite(ttlMs) ? Math.max(1, Math.ceil(ttlMs / 1000)) : undefined,
    lock: unattendedSecondsMax === undefined ? undefined : attendance?.lockPath,
    "unattended-seconds": unattendedSecondsMax,
  });
}

/** Options of a guardian, those that are given. */
export function guardOptions(
  options: Readonly<Record<string, string | number | undefined>>,
): string[] {
  return Object.entries(options).flatMap(([name, value]) =>
    value === undefined ? [] : [`--${name}=${value}`],
  );
}

/** A saved machine, before activation. */
export interface TemplateFiles {
  readonly memoryPath: string;
  readonly statePath: string;
}

export interface MachineExit {
  readonly exitCode: number | null;
  readonly signal: string | null;
  /** What the virtual machine monitor said on stderr, last 4 KiB. */
  readonly stderrTail: string;
}

/** A running machine. */
export interface Machine {
  readonly identity: ProcessIdentity;
  /** Settles when the process is gone, whatever ended it. */
  readonly exited: Promise<MachineExit>;
  /** Whether `openChannel` makes a new connection each time, so that an attach that got lost can be tried again. */
  readonly reopensChannel: boolean;
  /** A byte stream to the guest agent; one at a time. */
  openChannel(signal: AbortSignal): Promise<Duplex>;
  /** The last of the serial console, control characters and all. */
  consoleTail(): string;
  /** Leaves the console, which has one reader at a time, to whoever looks after the machine from now on. */
  leaveConsole(): void;
  /** Throws `jail_breached` unless the running process is confined. */
  verifyConfinement(): Promise<void>;
  /** Kills the process and waits until it is gone. */
  kill(): Promise<void>;
  /** Kills a machine whose files nobody else ever opens, and waits only until its guest runs no more. */
  halt(): Promise<void>;
}

/** A machine booted to become a template. */
export interface SavableMachine extends Machine {
  /** Stops the machine for good and writes its device state, and its memory unless that is already in the file it was booted with. */
  saveState(): Promise<void>;
}

/** Takes over a machine started earlier, by this process or another. */
export type Adopt = (identity: ProcessIdentity, directory: string) => Machine;

/** What runs commands, with isolation or without. Only the composition root knows which of them it is. */
export interface AnyDriver {
  readonly name: string;
  readonly capabilities: DriverCapabilities;
}

/** Runs the agent as an ordinary process. */
export interface HostDriver extends AnyDriver {
  start(spec: HostSpec): Promise<Machine>;
}

/** How machines run. */
export interface Driver extends AnyDriver {
  /** Whether a machine that was saved with a disk to write can be restored with one that it may only read. */
  readonly restoresOnReadOnlyDisk: boolean;
  /** Part of every template's key: anything of a machine with this CPU that makes saved state unusable when it changes. */
  fingerprintOf(cpu: CpuLevel): string;
  boot(spec: MachineSpec): Promise<Machine>;
  /** Boots a machine whose memory will be in `template.memoryPath`, a file that this call makes. */
  bootSavable(spec: MachineSpec, template: TemplateFiles): Promise<SavableMachine>;
  restore(spec: MachineSpec, template: TemplateFiles): Promise<Machine>;
  /** Told how a boot came out: whoever asks whether guests boot here need not try again what worked, or trust what did not. */
  recordBoot(boot: BootFiles, cameUp: boolean): Promise<void>;
}

/** Looks at the host and answers how this driver would run guests; cheap unless a verdict must be measured anew. */
export interface DriverProbe {
  readonly name: string;
  probe(options: {
    boot: BootFiles | undefined;
    /** Boots a guest wherever none is known to come up. Default: only where that decides between drivers. */
    prove?: boolean;
    signal?: AbortSignal | undefined;
  }): Promise<{ status: DriverStatus; driver: Driver | undefined }>;
  /** Ends processes of starts whose starter was killed, where they do not end by themselves. */
  sweep(): void;
}

/** Names of the programs that machines are, as they are or with a version behind. Anything else that has a machine's files open is none of ours. */
export const machinePrograms = ["qemu-system-x86_64", "firecracker", "pyro-agent"] as const;
