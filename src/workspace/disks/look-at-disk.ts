import { closeSync, constants, existsSync, openSync } from "node:fs";
import { stat } from "node:fs/promises";
import type { AgentClient } from "../../channel/agent-client.ts";
import { cpuFor } from "../../environments/store.ts";
import { cancellation, PyroError } from "../../model/errors.ts";
import { defaults } from "../../model/limits.ts";
import { ofDescriptor } from "../../platform/descriptor-path.ts";
import { requireDiskRoom } from "../../platform/files.ts";
import type { WorkspaceRow } from "../../registry/workspaces.ts";
import { findWorkspace, latest } from "../life/find-workspace.ts";
import { takeOver } from "../life/take-over.ts";
import type { WorkspaceContext } from "../life/workspace-context.ts";
import { findBase, type WorkspaceBase } from "../life/workspace-machine.ts";
import type { WorkOptions } from "../machines/host.ts";
import { startThen } from "../machines/start-machine.ts";
import type { MachineDisk, StartedMachine } from "../machines/start-request.ts";
import { nameOf, requireLegal } from "../records/workspace-states.ts";
import { copyDisk } from "./copy-disk.ts";

type GuestBase = Extract<WorkspaceBase, { kind: "guest" }>;

/** A workspace whose disk can be looked at now. Throws unless it is one. */
export async function findStopped(context: WorkspaceContext, id: string): Promise<WorkspaceRow> {
  const row = await findWorkspace(context, id);
  if (row.imageId === null)
    throw new PyroError(
      "not_supported",
      `Workspace ${nameOf(row)} runs on this host without isolation, so it has no disk of its own.`,
      { hint: "Copy files out of it instead: pyro workspace export" },
    );
  requireLegal(row, "show its disk");
  return row;
}

export interface LookOptions extends WorkOptions {
  /** A disk for the machine to fill, open for writing. */
  readonly targetDisk?: number | undefined;
}

/**
 * Lets `use` ask a throwaway machine about the disk of a stopped workspace, which nobody starts meanwhile. The machine runs
 * nothing of the workspace and cannot write to its disk; we never read a byte of that.
 */
export async function lookAtDisk<T>(
  context: WorkspaceContext,
  { row: found, ...options }: LookOptions & { readonly row: WorkspaceRow },
  use: (client: AgentClient) => Promise<T>,
): Promise<T> {
  const { base, isOtherImage } = await findBase(context.host, found, options);
  if (base.kind === "host") throw new PyroError("internal", "A disk without a guest.");
  using _lock = await takeOver(context, found);
  const row = latest(context, found);
  requireLegal(row, "show its disk");
  options.onProgress?.({ step: "starting a machine to look at the disk" });
  try {
    const machine = { row, base, discardRoot: isOtherImage, ...options };
    return await withMachine(await startLooking(context, machine), options.signal, use);
  } catch (error) {
    if (options.signal?.aborted) throw cancellation(options.signal.reason);
    throw namingDisk(error, row);
  }
}

async function withMachine<T>(
  { machine, client }: StartedMachine,
  signal: AbortSignal | undefined,
  use: (client: AgentClient) => Promise<T>,
): Promise<T> {
  try {
    return await endingWith(signal, machine, () => use(client));
  } finally {
    client.close();
    await machine.halt();
  }
}

/** A caller who gives up does not wait for what a machine is doing. */
async function endingWith<T>(
  signal: AbortSignal | undefined,
  machine: StartedMachine["machine"],
  work: () => Promise<T>,
): Promise<T> {
  const abort = () => void machine.kill();
  signal?.addEventListener("abort", abort, { once: true });
  try {
    signal?.throwIfAborted();
    return await work();
  } finally {
    signal?.removeEventListener("abort", abort);
  }
}

interface LookingMachine extends LookOptions {
  readonly row: WorkspaceRow;
  readonly base: GuestBase;
  readonly discardRoot: boolean;
}

/** On the disk itself, as long as it was closed; else on a copy, in which what was left to be done can be done. */
async function startLooking(
  context: WorkspaceContext,
  looking: LookingMachine,
): Promise<StartedMachine> {
  const { diskPath } = context.files(looking.row.workspaceId);
  const { stateDirectory } = context.host.config;
  if (!existsSync(diskPath)) {
    const blank = await looking.base.factory.blank();
    const disk = { kind: "existing", open: () => blank.createUnnamed(stateDirectory) } as const;
    return (await tryLooking(looking, { disk, recover: true })) ?? stillUnclean();
  }
  const open = () => openSync(diskPath, constants.O_RDONLY);
  const disk = { kind: "existing", open, isReadOnly: true } as const;
  const started = await tryLooking(looking, { disk, recover: false });
  if (started !== undefined) return started;
  looking.onProgress?.({ step: "copying a disk that was not closed" });
  await requireDiskRoom(stateDirectory, (await stat(diskPath)).blocks * 512);
  const copy = await copyDisk(diskPath, stateDirectory, looking.signal);
  try {
    const open = () => openSync(ofDescriptor(copy), constants.O_RDWR);
    const disk = { kind: "existing", open } as const;
    return (await tryLooking(looking, { disk, recover: true })) ?? stillUnclean();
  } finally {
    closeSync(copy);
  }
}

/** Undefined for a disk that was not closed and may not be written to. */
async function tryLooking(
  { row, base, discardRoot, targetDisk, signal }: LookingMachine,
  { disk, recover }: { disk: MachineDisk; recover: boolean },
): Promise<StartedMachine | undefined> {
  let isOpen = false;
  const request = {
    vcpuCount: defaults.vcpuCount,
    memMib: defaults.memMib,
    cpu: cpuFor(base.image, undefined),
    image: base.image,
    disk,
    targetDisk,
    hostname: row.workspaceId,
    lifetime: "caller",
    signal,
  } as const;
  const started = await startThen(base.factory, request, async ({ machine, client }) => {
    const open = () => client.disk.open({ recover, discardRoot });
    isOpen = await endingWith(signal, machine, open);
  });
  if (isOpen) return started;
  started.client.close();
  await started.machine.halt();
  return undefined;
}

function stillUnclean(): never {
  throw new PyroError("disk_damaged", "its journal cannot be replayed.");
}

/** Nobody who asked for a file knows that a machine looks at the disk. */
function namingDisk(error: unknown, row: WorkspaceRow): unknown {
  if (!(error instanceof PyroError)) return error;
  const named = nameOf(row);
  const hint = `Its file system may be damaged; to give it a new disk: pyro workspace reset ${named}`;
  if (error.code === "disk_damaged")
    return new PyroError(
      "disk_damaged",
      `The disk of workspace ${named} cannot be read: ${error.message}`,
      { hint, cause: error },
    );
  if (error.code === "guest_lost")
    return new PyroError(
      "guest_lost",
      `The machine that looked at the disk of workspace ${named} ended, or fell silent, before it was done.`,
      { hint: `Try again. ${hint}`, cause: error },
    );
  return error;
}
