import { defaults } from "../../model/limits.ts";
import type { CpuLevel } from "../../model/machine-options.ts";
import type { FilePlace } from "../descriptors.ts";
import type { MachineSpec } from "../driver.ts";
import { kernelCommandLine } from "../guest-kernel.ts";

/**
 * The CPUs an emulated guest may see. x86-64-v2, which every current distribution runs on, unless more is asked for: wider
 * vectors are emulated piece by piece, and larger register files are saved at every switch. ARAT says that the
 * timer never stops: without it the guest ticks 250 times a second even when idle.
 */
const emulatedCpus: Readonly<Record<CpuLevel, string>> = {
  v2: "Nehalem,+arat",
  // What v3 adds, and PCLMULQDQ, which programs built for it expect as well, one by one: models of such CPUs have features
  // that emulation lacks. Below level 13 the guest's kernel finds no layout to save AVX registers in, and turns them off.
  v3: "Nehalem,level=13,+arat,+xsave,+xsaveopt,+avx,+avx2,+bmi1,+bmi2,+f16c,+fma,+abm,+movbe,+pclmulqdq",
};

/** How a character device reaches us: by an inherited socket that we hold the other end of, or one that listens. */
export interface SocketPlace {
  readonly fd: number;
  readonly listens: boolean;
}

/** The machine's own disk. */
export interface DataPlace {
  readonly place: FilePlace;
  readonly isReadOnly: boolean;
}

export interface QemuLayout {
  readonly spec: Pick<MachineSpec, "vcpuCount" | "memMib" | "cpu" | "role" | "isTalkative">;
  readonly accelerator: "kvm" | "tcg";
  /** QEMU's version, for the options that differ. */
  readonly version: { readonly major: number; readonly minor: number };
  /** Ticks per millisecond of the host's time stamp counter; only emulated guests are told. */
  readonly tscKhz: number;
  readonly firmwarePath: string;
  readonly kernelPath: string;
  /** Absent on restore: the guest's memory already holds it. */
  readonly initramfsPath: string | undefined;
  readonly environment: FilePlace;
  readonly data: DataPlace | undefined;
  readonly targetFd?: number | undefined;
  readonly sockets: {
    readonly channel: SocketPlace;
    readonly monitor: SocketPlace;
    readonly console: SocketPlace;
  };
  readonly memory: GuestMemory;
}

/**
 * Anonymous memory, the memory file of a template being made, or a private view of a finished one, whose state comes
 * through a socket: from 11 on QEMU takes it from no regular file.
 */
export type GuestMemory =
  | { readonly kind: "anonymous" }
  | { readonly kind: "shared"; readonly path: string }
  | { readonly kind: "private"; readonly path: string };

/** QEMU's arguments. Everything it may touch is a descriptor or a file bound into its jail. */
export function qemuArguments(layout: QemuLayout): string[] {
  return [
    ...machineArguments(layout),
    ...memoryArguments(layout),
    ...diskArguments(layout),
    ...socketArguments(layout),
    "-nodefaults",
    "-no-user-config",
    "-display",
    "none",
    "-no-reboot",
    "-sandbox",
    "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny",
  ];
}

function machineArguments(layout: QemuLayout): string[] {
  const { spec, accelerator, firmwarePath, kernelPath, initramfsPath } = layout;
  // Under emulation microvm needs its PIT and PIC, or the guest spins waiting for a timer.
  const machine =
    "microvm,x-option-roms=off,pit=on,pic=on,rtc=on,isa-serial=on,acpi=on,memory-backend=ram";
  return [
    "-machine",
    machine,
    "-accel",
    accelerator === "kvm" ? "kvm" : "tcg,thread=multi,tb-size=256",
    "-cpu",
    accelerator === "kvm" ? "host" : emulatedCpus[spec.cpu ?? defaults.cpu],
    "-smp",
    String(spec.vcpuCount),
    "-m",
    String(spec.memMib),
    "-bios",
    firmwarePath,
    "-kernel",
    kernelPath,
    ...(initramfsPath === undefined ? [] : ["-initrd", initramfsPath]),
    "-append",
    kernelCommandLine({ spec, emulatedTscKhz: accelerator === "tcg" ? layout.tscKhz : undefined }),
  ];
}

function memoryArguments({ spec, memory, version }: QemuLayout): string[] {
  const size = `size=${spec.memMib}M`;
  switch (memory.kind) {
    case "anonymous":
      return ["-object", `memory-backend-ram,id=ram,${size}`];
    case "shared":
      return ["-object", `memory-backend-file,id=ram,${size},share=on,mem-path=${memory.path}`];
    case "private": {
      // Before 8.2 QEMU cannot open the file of a private mapping read-only.
      const readOnly = opensPrivateMemoryReadOnly(version) ? ",readonly=on,rom=off" : "";
      return [
        "-object",
        `memory-backend-file,id=ram,${size},share=off,mem-path=${memory.path}${readOnly}`,
        "-incoming",
        "defer",
      ];
    }
  }
}

/** Whether this QEMU maps a template's memory without needing to write the file. */
export function opensPrivateMemoryReadOnly(version: QemuLayout["version"]): boolean {
  return version.major > 8 || (version.major === 8 && version.minor >= 2);
}

function diskArguments({ spec, environment, data, targetFd }: QemuLayout): string[] {
  const builder = spec.role === "builder";
  // Made anew whenever anything goes wrong, so that nothing need be flushed on the way.
  const unflushed = "cache.no-flush=on,discard=unmap";
  return [
    ...disk({
      id: "env",
      place: environment,
      set: 1,
      options: builder ? unflushed : "read-only=on",
    }),
    ...(data === undefined
      ? []
      : disk({
          id: "data",
          place: data.place,
          set: 2,
          options: data.isReadOnly ? "read-only=on" : "discard=unmap",
        })),
    ...(targetFd === undefined
      ? []
      : disk({ id: "target", place: { fd: targetFd }, set: 3, options: unflushed })),
  ];
}

function disk({
  id,
  place,
  set,
  options,
}: {
  id: string;
  place: FilePlace;
  set: number;
  options: string;
}): string[] {
  // Always raw and never probed: a guest can write another format's header into its own disk.
  // A full host disk is the guest's I/O error; by default QEMU would freeze without a word.
  const path = "path" in place ? place.path : `/dev/fdset/${set}`;
  return [
    ...("path" in place ? [] : ["-add-fd", `fd=${place.fd},set=${set}`]),
    "-blockdev",
    `driver=raw,node-name=${id},file.driver=file,file.filename=${path},file.locking=off,${options}`,
    "-device",
    `virtio-blk-device,drive=${id},serial=pyro-${id},werror=report,rerror=report`,
  ];
}

function socketArguments({ sockets }: QemuLayout): string[] {
  return [
    ...socket("console", sockets.console),
    "-serial",
    "chardev:console",
    ...socket("monitor", sockets.monitor),
    "-qmp",
    "chardev:monitor",
    "-device",
    "virtio-serial-device",
    ...socket("channel", sockets.channel),
    "-device",
    "virtserialport,chardev=channel,name=pyro.channel",
  ];
}

function socket(id: string, { fd, listens }: SocketPlace): string[] {
  return ["-chardev", `socket,id=${id},fd=${fd}${listens ? ",server=on,wait=off" : ""}`];
}
