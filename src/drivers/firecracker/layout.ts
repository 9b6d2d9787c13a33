import { closeSync, constants, openSync } from "node:fs";
import type { Descriptors } from "../descriptors.ts";
import { giveToMonitor, showToMonitor } from "../disk-ownership.ts";
import type { MachineSpec, TemplateFiles } from "../driver.ts";
import { descriptorPath, jailIdentity } from "../jail.ts";
import { isWritable } from "../open-files.ts";

/**
 * Changes whenever the order below does: saved state holds the paths of disks and of the socket, so that a machine finds its
 * own behind them only where they were for the one that was saved.
 */
export const layoutVersion = 1;

/** Sockets in the root of the jail, which each machine has to itself. */
export const socketPaths = { api: "/api.sock", channel: "/channel.sock" } as const;

export interface DiskPlace {
  readonly path: string;
  readonly isReadOnly: boolean;
}

/** Where a machine finds its files, inside its jail. */
export interface Layout {
  readonly program: string;
  readonly environment: DiskPlace;
  readonly data: DiskPlace | undefined;
  readonly target: DiskPlace | undefined;
  /** Absent on restore: the guest's memory already holds them. */
  readonly boot: { readonly kernelPath: string; readonly initramfsPath: string } | undefined;
  /** Where its state goes to, or comes from. */
  readonly saved: TemplateFiles | undefined;
}

export interface LayoutParts {
  readonly spec: MachineSpec;
  readonly program: string;
  readonly descriptors: Descriptors;
  readonly template?: ({ readonly kind: "save" | "restore" } & TemplateFiles) | undefined;
}

/**
 * Places everything a machine is given. Disks come first, in an order that is the same whether it boots or is restored.
 * Firecracker opens all of them anew by path, with the rights of the identity that it runs as.
 */
export function placeFiles({ spec, program, descriptors, template }: LayoutParts): Layout {
  const data = spec.dataDisk === undefined ? undefined : placeData(spec.dataDisk, descriptors);
  const environment = placeEnvironment(spec, descriptors);
  const target =
    spec.targetDisk === undefined ? undefined : placeWritable(spec.targetDisk, descriptors);
  return {
    data,
    environment,
    target,
    program: descriptors.shareReadOnly(program, "firecracker"),
    boot:
      template?.kind === "restore"
        ? undefined
        : {
            kernelPath: descriptors.shareReadOnly(spec.boot.kernelPath, "kernel"),
            initramfsPath: descriptors.shareReadOnly(spec.boot.initramfsPath, "initramfs"),
          },
    saved: template && placeSaved(template, descriptors),
  };
}

function placeEnvironment(
  { role, environmentDisk }: MachineSpec,
  descriptors: Descriptors,
): DiskPlace {
  return role === "builder"
    ? placeWritable(environmentDisk, descriptors)
    : placeReadOnly(environmentDisk, { name: "environment", descriptors });
}

function placeData(fd: number, descriptors: Descriptors): DiskPlace {
  return isWritable("self", fd)
    ? placeWritable(fd, descriptors)
    : placeReadOnly(fd, { name: "data", descriptors });
}

function placeWritable(fd: number, descriptors: Descriptors): DiskPlace {
  giveToMonitor(fd);
  return { path: descriptorPath(descriptors.add(fd)), isReadOnly: false };
}

function placeReadOnly(
  fd: number,
  { name, descriptors }: { readonly name: string; readonly descriptors: Descriptors },
): DiskPlace {
  const place = descriptors.lendReadOnly(fd, name);
  if ("path" in place) return { path: place.path, isReadOnly: true };
  showToMonitor(fd);
  return { path: descriptorPath(place.fd), isReadOnly: true };
}

function placeSaved(
  { kind, memoryPath, statePath }: { readonly kind: "save" | "restore" } & TemplateFiles,
  descriptors: Descriptors,
): TemplateFiles {
  const place = (path: string, name: string) => {
    if (kind === "restore") return descriptors.shareReadOnly(path, name);
    createFor(path);
    return descriptors.share(path, constants.O_RDWR);
  };
  return { memoryPath: place(memoryPath, "memory"), statePath: place(statePath, "state") };
}

/** A file that a monitor writes. */
function createFor(path: string): void {
  const fd = openSync(path, "wx", 0o600);
  try {
    giveToMonitor(fd);
  } finally {
    closeSync(fd);
  }
}

/** Everything of the layout that saved state depends on. */
export function layoutFingerprint(): string {
  const paths = jailIdentity().uid === undefined ? "files by name" : "files by descriptor";
  return `layout ${layoutVersion}, ${paths}`;
}
