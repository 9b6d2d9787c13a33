import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Machine } from "../drivers/driver.ts";
import { checkEnvironmentName } from "../environments/environment-name.ts";
import { cpuFor } from "../environments/store.ts";
import { asPyroError, PyroError } from "../model/errors.ts";
import { defaults } from "../model/limits.ts";
import {
  type CpuLevel,
  machineSize,
  runnableCommand,
  timeoutMs,
  ttlMs,
} from "../model/machine-options.ts";
import type { ReapResult, Vm, VmDeleted, VmExecResult, VmNetwork } from "../model/results.ts";
import { isAlive, killProcess } from "../platform/processes.ts";
import { freshDirectory, removeTree } from "../platform/remove-tree.ts";
import { Registry } from "../registry/database.ts";
import { type VmRow, VmTable } from "../registry/vms.ts";
import { attachAgent } from "./attach-agent.ts";
import { ensureEnvironment } from "./ensure-environment.ts";
import type { Host, WorkOptions } from "./host.ts";
import { moveToLost } from "./lost-directories.ts";
import type { MachineFactory } from "./machine-factory.ts";
import { powerOff } from "./power-off.ts";
import { type CommandRequest, runCommand } from "./run-command.ts";
import { refuseNetwork } from "./run-in-vm.ts";
import { diskAt, startMachine } from "./start-machine.ts";
import { endEverythingOn } from "./stray-processes.ts";
import { legalStates, requireLegal } from "./vm-states.ts";

const attachDeadlineMs = 10_000;

export interface CreateVmOptions {
  readonly environment: string;
  readonly vcpuCount?: number | undefined;
  readonly memMib?: number | undefined;
  /** What an emulated guest's CPU can do. Default: what the environment needs, v2 at least; with KVM guests see the host's own CPU. */
  readonly cpu?: CpuLevel | undefined;
  /** Seconds from now until the VM is deleted, whatever it does. Default 600. */
  readonly ttlSeconds?: number | undefined;
  readonly network?: boolean | undefined;
}

export interface ExecVmOptions
  extends Pick<CommandRequest, "command" | "stdin" | "onStdout" | "onStderr" | "signal"> {
  /** Default 30. */
  readonly timeoutSeconds?: number | undefined;
}

/** VMs that outlive the call that made them: created, started, used once, deleted. */
export class VmEngine {
  readonly #host: Host;
  #opened: { registry: Registry; vms: VmTable } | undefined;

  constructor(host: Host) {
    this.#host = host;
  }

  create(options: CreateVmOptions): Vm {
    checkEnvironmentName(options.environment);
    const size = machineSize(options, this.#host.memMib);
    refuseNetwork(options.network);
    const now = Date.now();
    const vmId = `vm-${randomBytes(6).toString("hex")}`;
    this.#vms.insert({
      vmId,
      environment: options.environment,
      state: "created",
      ...size,
      cpu: size.cpu ?? null,
      createdAt: new Date(now).toISOString(),
      expiresAt: new Date(now + ttlMs(options.ttlSeconds)).toISOString(),
      driver: null,
      executionMode: null,
      isolation: null,
      failure: null,
      process: null,
    });
    return this.status(vmId);
  }

  async start(vmId: string, options: WorkOptions = {}): Promise<Vm> {
    const vm = this.#require(vmId);
    requireLegal(vm, "start");
    const { image } = await ensureEnvironment(this.#host, vm.environment, options);
    const factory = await this.#host.machineFactory(options);
    const cpu = cpuFor(image, vm.cpu);
    const starting = { from: legalStates("start"), to: "starting", change: { cpu } } as const;
    if (!this.#vms.transition(vmId, starting)) throw this.#lostRace(vmId);
    const directory = this.#host.machineDirectory(vmId);
    try {
      const started = await startMachine(factory, {
        ...vm,
        cpu,
        image,
        disk: diskAt(join(directory, "disk.ext4")),
        hostname: vmId,
        lifetime: {
          directory: await freshDirectory(join(directory, "sockets")),
          ttlMs: Math.max(1, Date.parse(vm.expiresAt) - Date.now()),
          claim: (process) => this.#claim(vmId, process),
        },
        signal: options.signal,
      });
      started.client.close();
      await this.#recordStart(vmId, factory, started.machine);
      return this.status(vmId);
    } catch (error) {
      const failure = asPyroError(error).message.split("\n")[0] ?? "";
      this.#vms.transition(vmId, {
        from: ["starting"],
        to: "failed",
        change: { failure, process: null },
      });
      // Deleted meanwhile, it has nothing to keep.
      if (this.#vms.find(vmId) === undefined) await removeTree(directory);
      throw error;
    }
  }

  /** Runs one command and deletes the VM, however the command ends. */
  async exec(vmId: string, options: ExecVmOptions): Promise<VmExecResult> {
    const command = runnableCommand(options.command);
    const limit = timeoutMs(options.timeoutSeconds);
    const vm = this.#require(vmId);
    requireLegal(vm, "exec");
    const factory = await this.#host.machineFactory();
    const machine = factory.driver.adopt(
      this.#processOf(vm),
      join(this.#host.machineDirectory(vmId), "sockets"),
    );
    try {
      await machine.verifyConfinement();
      const attached = await attachAgent(machine, attachDeadlineMs, options.signal);
      try {
        const result = await runCommand(attached.client, factory.driver, {
          ...options,
          environment: vm.environment,
          command,
          cpu: vm.cpu ?? defaults.cpu,
          timeoutMs: limit,
        });
        return { ...result, vmId };
      } finally {
        attached.client.close();
      }
    } finally {
      await this.delete(vmId);
    }
  }

  /** Powers the guest off and keeps its disk. */
  async stop(vmId: string): Promise<Vm> {
    const vm = this.#require(vmId);
    requireLegal(vm, "stop");
    const factory = await this.#host.machineFactory();
    const machine = factory.driver.adopt(
      this.#processOf(vm),
      join(this.#host.machineDirectory(vmId), "sockets"),
    );
    const attached = await attachAgent(machine, attachDeadlineMs).catch(() => undefined);
    await powerOff(machine, attached?.client);
    attached?.client.close();
    this.#vms.transition(vmId, {
      from: legalStates("stop"),
      to: "stopped",
      change: { process: null },
    });
    return this.status(vmId);
  }

  /** Ends the VM and removes everything of it. Deleting what is gone is no error. */
  async delete(vmId: string): Promise<VmDeleted> {
    const vm = this.#vms.find(vmId);
    if (vm === undefined) return { vmId, deleted: false };
    if (vm.process !== null) await killProcess(vm.process);
    await removeTree(this.#host.machineDirectory(vmId));
    return { vmId, deleted: this.#vms.remove(vmId) };
  }

  status(vmId: string): Vm {
    return describe(this.#require(vmId));
  }

  list(): Vm[] {
    return this.#vms.list().map((vm) => describe(this.#checked(vm)));
  }

  networkInfo(vmId: string): VmNetwork {
    this.#require(vmId);
    return { vmId, network: false, policy: "off", interfaces: [] };
  }

  /** Deletes what is past its time, and what crashed processes left on disk. */
  async reapExpired(): Promise<ReapResult> {
    const expired = this.#vms.expiredAt(new Date().toISOString());
    for (const { vmId } of expired) await this.delete(vmId);
    await this.#sweepDirectories();
    this.#host.sweepProcesses();
    return { reapedVmIds: expired.map((vm) => vm.vmId) };
  }

  close(): void {
    this.#opened?.registry[Symbol.dispose]();
    this.#opened = undefined;
  }

  get #vms(): VmTable {
    if (this.#opened === undefined) {
      this.#host.prepareDirectories();
      const registry = Registry.open(this.#host.config.stateDirectory);
      this.#opened = { registry, vms: new VmTable(registry) };
    }
    return this.#opened.vms;
  }

  /** The VM as it really is: past its time it is gone, and without its process it has failed. */
  #require(vmId: string): VmRow {
    const vm = this.#vms.find(vmId);
    if (vm === undefined)
      throw new PyroError("vm_not_found", `There is no VM "${vmId}".`, {
        hint: "It may have been deleted or have expired; create another.",
      });
    if (Date.parse(vm.expiresAt) <= Date.now())
      throw new PyroError("expired", `VM ${vmId} expired at ${vm.expiresAt}.`, {
        hint: "Create another, with a longer ttlSeconds if it needs it.",
      });
    return this.#checked(vm);
  }

  #checked(vm: VmRow): VmRow {
    if (vm.state !== "started" || (vm.process !== null && isAlive(vm.process))) return vm;
    this.#vms.transition(vm.vmId, {
      from: ["started"],
      to: "failed",
      change: { failure: "its virtual machine monitor is gone", process: null },
    });
    return this.#vms.find(vm.vmId) ?? vm;
  }

  #processOf(vm: VmRow): Machine["identity"] {
    if (vm.process === null)
      throw new PyroError("guest_lost", `VM ${vm.vmId} has no process.`, {
        hint: "Delete it and create another.",
      });
    return vm.process;
  }

  #claim(vmId: string, process: Machine["identity"]): void {
    if (!this.#vms.transition(vmId, { from: ["starting"], to: "starting", change: { process } }))
      throw this.#lostRace(vmId);
  }

  #lostRace(vmId: string): PyroError {
    return new PyroError(
      "vm_state_conflict",
      `VM ${vmId} was changed by another process meanwhile.`,
      { hint: "Look at its status and try again." },
    );
  }

  async #recordStart(vmId: string, { driver }: MachineFactory, machine: Machine): Promise<void> {
    const { executionMode, isolation } = driver.capabilities;
    const change = { driver: driver.name, executionMode, isolation, process: machine.identity };
    if (this.#vms.transition(vmId, { from: ["starting"], to: "started", change })) return;
    await machine.kill();
    throw this.#lostRace(vmId);
  }

  /** Directories without a row belong to nobody; what one holds on its disk is kept all the same. */
  async #sweepDirectories(): Promise<void> {
    const root = dirname(this.#host.machineDirectory("any"));
    for (const name of await readdir(root).catch(() => [])) {
      if (this.#vms.find(name) !== undefined) continue;
      const directory = join(root, name);
      await endEverythingOn(directory);
      if (existsSync(join(directory, "disk.ext4")))
        await moveToLost(this.#host.config.stateDirectory, directory);
      else await removeTree(directory);
    }
  }
}

function describe(vm: VmRow): Vm {
  return {
    vmId: vm.vmId,
    environment: vm.environment,
    state: vm.state,
    vcpuCount: vm.vcpuCount,
    memMib: vm.memMib,
    cpu: vm.cpu,
    network: false,
    createdAt: vm.createdAt,
    expiresAt: vm.expiresAt,
    driver: vm.driver,
    executionMode: vm.executionMode as Vm["executionMode"],
    isolation: vm.isolation as Vm["isolation"],
    failure: vm.failure,
  };
}
