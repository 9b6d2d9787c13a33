import { createHash } from "node:crypto";
import { release } from "node:os";
import type { Readable } from "node:stream";
import { PyroError } from "../../model/errors.ts";
import type { BootVerdicts } from "../boot-verdicts.ts";
import { Descriptors, firstInheritedFd } from "../descriptors.ts";
import type {
  BootFiles,
  Driver,
  DriverCapabilities,
  Machine,
  MachineLifetime,
  MachineSpec,
  SavableMachine,
  TemplateFiles,
} from "../driver.ts";
import { launchJailed } from "../launch.ts";
import { bootRequests, restoreRequests } from "./configuration.ts";
import { consoleFlags, makeConsolePipe, readConsolePipe } from "./console.ts";
import type { Firecracker } from "./find-firecracker.ts";
import { type LayoutParts, layoutFingerprint, placeFiles, socketPaths } from "./layout.ts";
import { StartedFirecrackerMachine } from "./started-machine.ts";

const vcpuCountMax = 32;

/** What probing found out about Firecracker on this host. */
export interface FirecrackerInstallation extends Firecracker {
  /** Group that may open /dev/kvm. */
  readonly kvmGid: number | undefined;
  /** The guest agent's program, which guards machines that outlive us. */
  readonly guardianProgram: string;
  /** The host CPU, which every guest sees. */
  readonly cpuModel: string;
}

type Template = NonNullable<LayoutParts["template"]>;

/** Machines as jailed Firecracker processes, on KVM. */
export class FirecrackerDriver implements Driver {
  readonly name = "firecracker";
  /** Firecracker opens a restored machine's disks as those of the saved one were. */
  readonly restoresOnReadOnlyDisk = false;
  readonly capabilities: DriverCapabilities = {
    isolation: "hardware",
    executionMode: "guest_vsock",
  };
  readonly #installation: FirecrackerInstallation;
  readonly #verdicts: Pick<BootVerdicts, "record">;

  constructor(installation: FirecrackerInstallation, verdicts: Pick<BootVerdicts, "record">) {
    this.#installation = installation;
    this.#verdicts = verdicts;
  }

  fingerprintOf(): string {
    return fingerprintOf(this.#installation);
  }

  boot(spec: MachineSpec): Promise<Machine> {
    return this.#start(spec);
  }

  bootSavable(spec: MachineSpec, template: TemplateFiles): Promise<SavableMachine> {
    return this.#start(spec, { kind: "save", ...template });
  }

  restore(spec: MachineSpec, template: TemplateFiles): Promise<Machine> {
    return this.#start(spec, { kind: "restore", ...template });
  }

  recordBoot(boot: BootFiles, cameUp: boolean): Promise<void> {
    return this.#verdicts.record(this, boot, cameUp);
  }

  async #start(spec: MachineSpec, template?: Template): Promise<StartedFirecrackerMachine> {
    refuseTooMany(spec);
    const { program, kvmGid, guardianProgram } = this.#installation;
    const descriptors = new Descriptors();
    try {
      // First of all, because a shell redirects to descriptors of one digit only.
      const consolePipe = await placeConsole(spec.lifetime, descriptors);
      const layout = placeFiles({ spec, program, descriptors, template });
      const { child, identity, exited, allowance } = await launchJailed({
        program: layout.program,
        arguments: ["--api-sock", socketPaths.api, "--level", "Error", "--id", "pyro"],
        devices: ["/dev/kvm"],
        descriptors,
        deviceGid: kvmGid,
        lifetime: spec.lifetime,
        guardianProgram,
        stdoutFd: firstInheritedFd,
        ownSockets: Object.values(socketPaths),
      });
      if (spec.lifetime !== "caller") child.unref();
      const machine = new StartedFirecrackerMachine({
        identity,
        exited,
        allowance: () => allowance,
        openConsole: () =>
          consolePipe === undefined
            ? ((child.stdio as readonly unknown[])[firstInheritedFd] as Readable)
            : readConsolePipe(consolePipe),
        saveTarget:
          layout.saved && template?.kind === "save"
            ? { jailed: layout.saved, files: template }
            : undefined,
      });
      void machine.configure(
        layout.saved && template?.kind === "restore"
          ? restoreRequests(layout.saved)
          : bootRequests(spec, layout),
      );
      return machine;
    } finally {
      descriptors.close();
    }
  }
}

/** The console of a machine that dies with us is a socket; that of one that does not is a pipe with a name. */
async function placeConsole(
  lifetime: MachineLifetime,
  descriptors: Descriptors,
): Promise<string | undefined> {
  if (lifetime === "caller") {
    descriptors.add("socket");
    return undefined;
  }
  const path = await makeConsolePipe(lifetime.directory);
  descriptors.share(path, consoleFlags);
  return path;
}

function refuseTooMany({ vcpuCount }: MachineSpec): void {
  if (vcpuCount <= vcpuCountMax) return;
  throw new PyroError(
    "not_supported",
    `Firecracker runs guests of at most ${vcpuCountMax} vCPUs, but this one has ${vcpuCount}.`,
    { hint: "Ask for fewer, or set PYRO_DRIVER=qemu." },
  );
}

/** Saved state fits the same Firecracker, host kernel, CPU, devices and places of files, and nothing else. */
function fingerprintOf({
  version,
  snapshotVersion,
  cpuModel,
}: Pick<FirecrackerInstallation, "version" | "snapshotVersion" | "cpuModel">): string {
  const disk = { path: "", isReadOnly: false };
  const machine = bootRequests(
    { vcpuCount: 1, memMib: 1024, role: "workload" },
    { environment: disk, data: disk, target: undefined, boot: undefined, saved: undefined },
  );
  const described = ["firecracker", version, snapshotVersion, release(), cpuModel].concat(
    layoutFingerprint(),
    JSON.stringify(machine),
  );
  return createHash("sha256").update(described.join("\0")).digest("hex");
}
