import { mkdir } from "node:fs/promises";
import type { Driver, HostDriver, Machine, OwnLifetime } from "../../drivers/driver.ts";
import { cpuFor, type InstalledImage } from "../../environments/store.ts";
import { PyroError } from "../../model/errors.ts";
import { defaults } from "../../model/limits.ts";
import { letsOut } from "../../model/machine-options.ts";
import { kindOf } from "../../model/workspace-names.ts";
import { freshDirectory } from "../../platform/remove-tree.ts";
import type { WorkspaceRow } from "../../registry/workspaces.ts";
import { ensureEnvironment } from "../environments/ensure-environment.ts";
import type { Attached } from "../machines/attach-agent.ts";
import type { Host, WorkOptions } from "../machines/host.ts";
import type { MachineFactory } from "../machines/machine-factory.ts";
import { startMachine } from "../machines/start-machine.ts";
import { startOnHost } from "../machines/start-on-host.ts";
import { diskAt } from "../machines/start-request.ts";
import { keepProxies } from "../records/kept-proxies.ts";
import { msLeft } from "../records/workspace-states.ts";
import {
  DirectoryStorage,
  DiskStorage,
  type WorkspaceStorage,
} from "../records/workspace-storage.ts";
import type { WorkspaceContext } from "./workspace-context.ts";

/** What a workspace's machine is started with. */
export type WorkspaceBase =
  | {
      readonly kind: "guest";
      readonly driver: Driver;
      readonly factory: MachineFactory;
      readonly image: InstalledImage;
    }
  | { readonly kind: "host"; readonly driver: HostDriver };

/** What a new workspace of `environment` runs on; without isolation only where that is allowed and nothing else works. */
export async function chooseBase(
  host: Host,
  { environment, allowHostCompat, ...options }: NewBase,
): Promise<WorkspaceBase> {
  if (allowHostCompat) {
    const { driver } = await host.isolatingDriver(await host.installedBootFiles(), options.signal);
    if (driver === undefined) return { kind: "host", driver: host.compatDriver };
  }
  const { image } = await ensureEnvironment(host, environment, options);
  const factory = await host.machineFactory(options);
  return { kind: "guest", driver: factory.driver, factory, image };
}

export interface NewBase extends WorkOptions {
  readonly environment: string;
  readonly allowHostCompat?: boolean | undefined;
}

/** What a workspace that exists is started with, and whether its image is still the one its disk belongs to. */
export async function findBase(
  host: Host,
  row: WorkspaceRow,
  options: WorkOptions = {},
): Promise<{ base: WorkspaceBase; isOtherImage: boolean }> {
  if (row.imageId === null)
    return { base: { kind: "host", driver: host.compatDriver }, isOtherImage: false };
  const known = await host.images.findById(row.imageId);
  const image = known ?? (await ensureEnvironment(host, row.environment, options)).image;
  const factory = await host.machineFactory(options);
  return {
    base: { kind: "guest", driver: factory.driver, factory, image },
    isOtherImage: known === undefined,
  };
}

/** What a workspace is as long as it runs on `base`. */
export function traitsOf(
  base: WorkspaceBase,
  { cpu }: Pick<WorkspaceRow, "cpu">,
): Pick<WorkspaceRow, "cpu" | "imageId" | "driver" | "executionMode" | "isolation"> {
  const { executionMode, isolation } = base.driver.capabilities;
  const common = { driver: base.driver.name, executionMode, isolation };
  if (base.kind === "host") return { ...common, imageId: null, cpu: cpu ?? defaults.cpu };
  return { ...common, imageId: base.image.id, cpu: cpuFor(base.image, cpu) };
}

export interface BringUpOptions extends WorkOptions {
  /** Keeps the workspace's tree and nothing else of its disk. Default false. */
  readonly discardRoot?: boolean;
  /** Settles once its disk, which is there, holds what it is to start with. Default: it does. */
  readonly diskFilled?: Promise<unknown>;
}

/** Starts a workspace's machine on the disk it has, or on a new one. It outlives this process. */
export async function bringUp(
  context: WorkspaceContext,
  { row, base }: { row: WorkspaceRow; base: WorkspaceBase },
  { discardRoot, diskFilled, signal }: BringUpOptions = {},
): Promise<Attached> {
  const files = context.files(row.workspaceId);
  const lifetime = await lifetimeOf(context, row);
  if (letsOut(row.networkPolicy)) keepProxies(files.proxiesPath);
  if (base.kind === "host") {
    const directory = files.rootDirectory;
    await mkdir(directory, { recursive: true, mode: 0o700 });
    return startOnHost(base.driver, { directory, lifetime }, signal);
  }
  return startMachine(base.factory, {
    vcpuCount: row.vcpuCount,
    memMib: row.memMib,
    cpu: cpuFor(base.image, row.cpu),
    image: base.image,
    disk: diskAt(files.diskPath, diskFilled),
    hostname: row.workspaceId,
    discardRoot,
    notBeforeNs: row.baselineMark === null ? undefined : BigInt(row.baselineMark),
    lifetime,
    signal,
  });
}

/** A workspace's machine, which runs. */
export function adoptMachine(
  context: WorkspaceContext,
  { workspaceId, driver, process }: WorkspaceRow,
): Machine {
  if (process === null)
    throw new PyroError("guest_lost", `The machine of ${workspaceId} is gone.`, {
      hint: "Look at its status and try again.",
    });
  return context.host.adopt(driver, process, context.files(workspaceId).socketsDirectory);
}

/** What a workspace's files live on. */
export function storageOf(context: WorkspaceContext, row: WorkspaceRow): WorkspaceStorage {
  const files = context.files(row.workspaceId);
  return row.imageId === null ? new DirectoryStorage(files) : new DiskStorage(files);
}

async function lifetimeOf(context: WorkspaceContext, row: WorkspaceRow): Promise<OwnLifetime> {
  const { workspaceId } = row;
  const files = context.files(workspaceId);
  const claim = (process: Machine["identity"]) => {
    if (context.records.workspaces.claim(workspaceId, process)) return;
    throw new PyroError("workspace_lost", `Workspace ${workspaceId} was deleted meanwhile.`);
  };
  const directory = await freshDirectory(files.socketsDirectory);
  const attendance = {
    lockPath: files.lockPath,
    wordPath: files.guardianWordPath,
    // A VM has no supervisor, and always an end.
    unattendedSecondsMax:
      kindOf(workspaceId) === "vm" ? undefined : context.host.config.unattendedSecondsMax,
  };
  return { directory, ttlMs: Math.max(1, msLeft(row)), attendance, claim };
}
