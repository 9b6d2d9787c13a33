import { compose, type Engine } from "./compose.ts";
import { WorkspaceMethods } from "./methods/workspace-methods.ts";
import type {
  DoctorReport,
  EnvironmentDetail,
  EnvironmentList,
  PruneResult,
  PullResult,
  ReapResult,
  RunResult,
  Vm,
  VmDeleted,
  VmExecResult,
  VmNetwork,
} from "./model/results.ts";
import type { StandbyEnded, StandbyStatus } from "./model/standby-results.ts";
import { behindAnswer } from "./platform/behind-answer.ts";
import { readConfig } from "./platform/config.ts";
import type { Trace } from "./platform/trace.ts";
import { WorkspacesRoom } from "./rooms/workspaces-room.ts";
import {
  inspectEnvironment,
  listEnvironments,
  type PullOptions,
  pullEnvironment,
} from "./workspace/environments/environments.ts";
import { type PruneOptions, pruneEnvironments } from "./workspace/life/prune-environments.ts";
import type { WorkOptions } from "./workspace/machines/host.ts";
import { preloadForUser, untilCommandLineWaits } from "./workspace/standby/command-line.ts";
import {
  type KeepStandbysOptions,
  standbyStatus,
  turnStandbysOff,
  turnStandbysOn,
} from "./workspace/standby/manage-standbys.ts";
import { refill, refillForUser } from "./workspace/standby/refill-standbys.ts";
import { defaultSettings } from "./workspace/standby/standby-settings.ts";
import { type RunInVmOptions, runInVm } from "./workspace/vms/run-in-vm.ts";
import {
  type CreateVmOptions,
  createVm,
  deleteVm,
  type ExecVmOptions,
  execVm,
  networkInfoVm,
  reapExpired,
  startVm,
  statusVm,
  stopVm,
} from "./workspace/vms/vms.ts";

/** How long turning standbys on waits for the last part of it. */
const preloadMsMax = 10_000;

export interface PyroOptions {
  /** Environments, kernels and templates. Default: `PYRO_CACHE_DIR`, else `$XDG_CACHE_HOME/pyro`. */
  readonly cacheDirectory?: string;
  /** VMs and the registry. Default: `PYRO_STATE_DIR`, else `$XDG_STATE_HOME/pyro`. */
  readonly stateDirectory?: string;
  /** Refuses software emulation. Default: `PYRO_REQUIRE_KVM` is 1. */
  readonly requireKvm?: boolean;
  /** Receives the phases of each run. */
  readonly trace?: Trace;
}

/** Disposable virtual machines for code you do not trust. Every failure is a `PyroError`. */
export class Pyro extends WorkspaceMethods implements Disposable {
  /** The methods about workspaces, gathered around each workspace. */
  readonly workspaces: WorkspacesRoom = new WorkspacesRoom(this);
  readonly #engine: Engine;

  constructor({ trace, ...overrides }: PyroOptions = {}) {
    const engine = compose({ ...readConfig(), ...overrides }, trace);
    super(engine.workspaces);
    this.#engine = engine;
  }

  /** Whether and how guests run on this host, and what mends the rest. */
  doctor(): Promise<DoctorReport> {
    return this.#engine.doctor();
  }

  /** The catalog and what is installed. */
  listEnvironments(): Promise<EnvironmentList> {
    return listEnvironments(this.#engine.host);
  }

  /** Installs a catalog environment or an image reference; a second call is a no-op. */
  pullEnvironment(environment: string, options: PullOptions = {}): Promise<PullResult> {
    return pullEnvironment(this.#engine.host, environment, options);
  }

  inspectEnvironment(environment: string): Promise<EnvironmentDetail> {
    return inspectEnvironment(this.#engine.host, environment);
  }

  /** Removes what nothing uses and says how much it freed. */
  pruneEnvironments(options: PruneOptions = {}): Promise<PruneResult> {
    return pruneEnvironments(this.#engine.workspaces, options);
  }

  /** One command in a VM that exists for it alone. A command that fails is a result, not an error. */
  runInVm(options: RunInVmOptions): Promise<RunResult> {
    return runInVm(this.#engine.host, options);
  }

  /** Registers a VM; nothing runs yet. */
  createVm(options: CreateVmOptions): Promise<Vm> {
    return createVm(this.#engine.workspaces, options);
  }

  /** Boots a created or stopped VM; it outlives this process, until its time is over. */
  startVm(vmId: string, options: WorkOptions = {}): Promise<Vm> {
    return startVm(this.#engine.workspaces, vmId, options);
  }

  /** Runs one command in a started VM and deletes the VM. */
  execVm(vmId: string, options: ExecVmOptions): Promise<VmExecResult> {
    return execVm(this.#engine.workspaces, vmId, options);
  }

  /** Powers a VM off; its disk stays. */
  stopVm(vmId: string): Promise<Vm> {
    return stopVm(this.#engine.workspaces, vmId);
  }

  /** Ends a VM and removes everything of it. */
  deleteVm(vmId: string): Promise<VmDeleted> {
    return deleteVm(this.#engine.workspaces, vmId);
  }

  statusVm(vmId: string): Promise<Vm> {
    return statusVm(this.#engine.workspaces, vmId);
  }

  networkInfoVm(vmId: string): Promise<VmNetwork> {
    return networkInfoVm(this.#engine.workspaces, vmId);
  }

  /** Deletes VMs that are past their time, and leftovers of crashed processes. */
  reapExpired(): Promise<ReapResult> {
    return reapExpired(this.#engine.workspaces);
  }

  /** Has machines wait for whoever asks for one like them, from now on; commands make up for those that they take. */
  async turnStandbysOn(options: KeepStandbysOptions = {}): Promise<StandbyStatus> {
    const { host } = this.#engine;
    const { heldBack } = await turnStandbysOn(host, options);
    const isWanted = this.#preload({ atOnce: true });
    const { signal } = options;
    if (isWanted && heldBack === null)
      await untilCommandLineWaits(host.standbys, { timeoutMs: preloadMsMax, signal });
    return { ...(await standbyStatus(host)), heldBack };
  }

  /** Ends all machines that wait. */
  turnStandbysOff(): Promise<StandbyEnded> {
    return turnStandbysOff(this.#engine.host);
  }

  /** Which machines wait, and what they cost. */
  standbyStatus(): Promise<StandbyStatus> {
    return standbyStatus(this.#engine.host);
  }

  /**
   * Has a machine wait like the last one that was asked for, made ready by another process as soon as a core is idle, and beside it,
   * until this process ends, a supervisor for the next workspace.
   */
  refillStandbys(keeper: string): void {
    const { idleSeconds } = defaultSettings;
    const wish = { keeper, count: 1, idleSeconds, followsSettings: false };
    const { host, workspaces, standbyProgram } = this.#engine;
    if (host.config.standby === "off") return;
    refill(host, standbyProgram, wish);
    // Without it the next workspace's first command is slower, and nothing else.
    workspaces.supervisors.keepSpare({ idleSeconds }).catch(() => undefined);
  }

  /** Ends those that wait for whoever is called so, at once. */
  dismissStandbys(keeper: string): void {
    this.#engine.host.standbys.dismiss(({ record }) => record.keeper === keeper);
    this.#engine.workspaces.supervisors.endSpare();
  }

  #preload({ atOnce }: { atOnce: boolean }): boolean {
    const { config, standbys } = this.#engine.host;
    return preloadForUser(config, standbys, { program: this.#engine.commandLineProgram, atOnce });
  }

  /** Lets go of what it holds; where standbys are on, another is made ready behind it. */
  [Symbol.dispose](): void {
    behindAnswer(() => {
      refillForUser(this.#engine.host, this.#engine.standbyProgram);
      this.#preload({ atOnce: false });
    });
    this.#engine.workspaces[Symbol.dispose]();
  }
}
