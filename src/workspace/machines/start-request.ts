import { constants, existsSync, openSync, rmSync } from "node:fs";
import { protocolVersion } from "../../channel/attach.ts";
import type { MachineLifetime } from "../../drivers/driver.ts";
import { blankDiskVersion } from "../../environments/blank-disk.ts";
import type { DiskContent } from "../../environments/disk-content.ts";
import type { InstalledImage } from "../../environments/store.ts";
import type { TemplateKeyParts } from "../../environments/templates.ts";
import type { MachineSize } from "../../model/machine-options.ts";
import type { Attached } from "./attach-agent.ts";
import type { MachineFactory } from "./machine-factory.ts";

/** A machine's own disk: new, made from the content it is given, or one that exists already. */
export type MachineDisk =
  | {
      readonly kind: "new";
      readonly create: (content: DiskContent) => number;
      /** Where it will be. Absent: nowhere, and gone with its machine. */
      readonly path?: string;
    }
  | {
      readonly kind: "existing";
      readonly open: () => number;
      /** Whether the machine may only read it. Default false. */
      readonly isReadOnly?: boolean;
      /** Settles once what the machine is to find on it is there; it may start before. */
      readonly filled?: Promise<unknown> | undefined;
    };

export interface StartRequest extends MachineSize {
  readonly image: InstalledImage;
  readonly lifetime: MachineLifetime;
  readonly disk: MachineDisk;
  readonly hostname: string;
  /** Of a disk that exists: keeps its workspace and nothing else. Default false. */
  readonly discardRoot?: boolean | undefined;
  /** A disk that the machine is to make, open for writing. Only a machine that boots can have one. */
  readonly targetDisk?: number | undefined;
  /** Never earlier than this may the guest's clock be; nanoseconds. */
  readonly notBeforeNs?: bigint | undefined;
  /** Whether it may be a machine that waited for somebody. Default true. */
  readonly mayClaim?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A machine whose agent answers and knows who it is. */
export interface StartedMachine extends Attached {
  /** How it came to be: claimed when it ran already, resumed, booted for itself, or resumed from the template it just became. */
  readonly origin: "claimed" | "restored" | "booted" | "booted-and-saved";
}

/** A new disk without a name, gone with its machine. */
export function unnamedDisk(directory: string): MachineDisk {
  return { kind: "new", create: (content) => content.createUnnamed(directory) };
}

/** The disk at `path`, kept from an earlier life of the machine or about to be `filled`, or a new one. Its directory must be there. */
export function diskAt(path: string, filled?: Promise<unknown>): MachineDisk {
  const open = () => openSync(path, constants.O_RDWR);
  if (existsSync(path)) return { kind: "existing", open, filled };
  const create = (content: DiskContent) => {
    rmSync(path, { force: true });
    return content.createAt(path);
  };
  return { kind: "new", create, path };
}

/** Everything that a template of this machine depends on. */
export function templateKey(
  factory: MachineFactory,
  request: Omit<StartRequest, "lifetime" | "hostname">,
): TemplateKeyParts {
  return {
    imageId: request.image.id,
    bootDigest: factory.boot.digest,
    driverFingerprint: factory.driver.fingerprintOf(request.cpu),
    protocol: protocolVersion,
    vcpuCount: request.vcpuCount,
    memMib: request.memMib,
    blankDiskVersion,
    disk: request.disk.kind,
  };
}
