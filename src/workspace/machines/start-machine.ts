import { closeSync, constants, existsSync, openSync, rmSync } from "node:fs";
import { protocolVersion } from "../../channel/attach.ts";
import type { MachineLifetime, MachineSpec } from "../../drivers/driver.ts";
import { blankDiskVersion, readDiskContent } from "../../environments/blank-disk.ts";
import type { DiskContent } from "../../environments/disk-content.ts";
import type { InstalledImage } from "../../environments/store.ts";
import type { Template, TemplateKeyParts } from "../../environments/templates.ts";
import { asPyroError, PyroError, systemErrorCode } from "../../model/errors.ts";
import type { MachineSize } from "../../model/machine-options.ts";
import { activationDefaults, newIdentity } from "./activation.ts";
import {
  type Attached,
  attachAgent,
  attachBooted,
  discard,
  endedByItself,
} from "./attach-agent.ts";
import type { MachineFactory } from "./machine-factory.ts";
import { makeTemplate } from "./make-template.ts";

const restoreDeadlineMs = 10_000;

/** A machine's own disk: new, made from the content it is given, or one that exists already. */
export type MachineDisk =
  | { readonly kind: "new"; readonly create: (content: DiskContent) => number }
  | {
      readonly kind: "existing";
      readonly open: () => number;
      /** Whether the machine may only read it. Default false. */
      readonly isReadOnly?: boolean;
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
  readonly signal?: AbortSignal | undefined;
}

/** A machine whose agent answers and knows who it is. */
export interface StartedMachine extends Attached {
  /** How it came to be: resumed, booted for itself, or resumed from the template it just became. */
  readonly origin: "restored" | "booted" | "booted-and-saved";
}

/** A new disk without a name, gone with its machine. */
export function unnamedDisk(directory: string): MachineDisk {
  return { kind: "new", create: (content) => content.createUnnamed(directory) };
}

/** The disk at `path`, kept from an earlier life of the machine, or a new one. Its directory must be there. */
export function diskAt(path: string): MachineDisk {
  if (existsSync(path)) return { kind: "existing", open: () => openSync(path, constants.O_RDWR) };
  const create = (content: DiskContent) => {
    rmSync(path, { force: true });
    return content.createAt(path);
  };
  return { kind: "new", create };
}

/** A running machine for `request`, from a template when there is one. */
export function startMachine(
  factory: MachineFactory,
  request: StartRequest,
): Promise<StartedMachine> {
  return startThen(factory, request, (started) => identify(started, request));
}

/** The same, of which only `prepare` makes what it is to be. */
export async function startThen(
  factory: MachineFactory,
  request: StartRequest,
  prepare: (started: StartedMachine) => Promise<void>,
): Promise<StartedMachine> {
  const environmentDisk = openImage(factory, request.image);
  try {
    const { vcpuCount, memMib, cpu, lifetime, targetDisk } = request;
    const spec: MachineSpec = {
      vcpuCount,
      memMib,
      cpu,
      boot: factory.boot,
      role: "workload",
      environmentDisk,
      ...(targetDisk !== undefined && { targetDisk }),
      lifetime,
    };
    const started = await startAttached(factory, spec, request);
    try {
      await prepare(started);
      factory.trace.mark("activated");
      await started.machine.verifyConfinement();
      return started;
    } catch (error) {
      await discard(started);
      throw error;
    }
  } finally {
    closeSync(environmentDisk);
  }
}

/** Images may be removed between being found and being opened. */
function openImage(factory: MachineFactory, image: InstalledImage): number {
  try {
    return openSync(factory.images.diskPath(image), "r");
  } catch (error) {
    if (systemErrorCode(error) !== "ENOENT") throw error;
    throw new PyroError(
      "environment_not_installed",
      `The environment ${image.environment} was removed meanwhile.`,
      { hint: `Try again, or install it first: pyro env pull ${image.environment}`, cause: error },
    );
  }
}

async function startAttached(
  factory: MachineFactory,
  spec: MachineSpec,
  request: StartRequest,
): Promise<StartedMachine> {
  if (mustBoot(factory, request)) return bootAlone(factory, spec, request);
  const key = templateKey(factory, request);
  const template = await factory.templates.find(key);
  const restored = template && (await tryRestore(factory, { spec, request, template, key }));
  if (restored) return { ...restored, origin: "restored" };
  // Somebody else is making it: boot for ourselves rather than wait.
  using claim = await factory.templates.tryClaim(key);
  if (claim === undefined) return bootAlone(factory, spec, request);
  const made =
    (await factory.templates.find(key)) ??
    (await makeTemplate(factory, { spec, key, image: request.image, signal: request.signal }));
  if (made === undefined) return bootAlone(factory, spec, request);
  const resumed = await restoreNew(factory, { spec, request, template: made, key });
  return resumed ? { ...resumed, origin: "booted-and-saved" } : bootAlone(factory, spec, request);
}

/** Whether no saved machine has the disks that are asked for. */
function mustBoot({ driver }: MachineFactory, { targetDisk, disk }: StartRequest): boolean {
  if (targetDisk !== undefined) return true;
  return disk.kind === "existing" && disk.isReadOnly === true && !driver.restoresOnReadOnlyDisk;
}

/** Everything that a template of this machine depends on. */
function templateKey(factory: MachineFactory, request: StartRequest): TemplateKeyParts {
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

interface RestoreWork {
  readonly spec: MachineSpec;
  readonly request: StartRequest;
  readonly template: Template;
  readonly key: TemplateKeyParts;
}

/** A machine resumed from `template`, or undefined when it does not resume; then the template is removed. */
async function tryRestore(
  factory: MachineFactory,
  work: RestoreWork,
): Promise<Attached | undefined> {
  try {
    return await restore(factory, work);
  } catch (error) {
    throwUnlessUnusable(error, work);
    await factory.templates.remove(work.key);
    return undefined;
  }
}

/**
 * A machine resumed from a template that was saved a moment ago. One whose agent is silent is removed like any other. One
 * that the monitor refuses, and refuses again, is an error: removed without a word, it would have every start boot twice.
 */
async function restoreNew(
  factory: MachineFactory,
  work: RestoreWork,
): Promise<Attached | undefined> {
  for (let isFirst = true; ; isFirst = false) {
    try {
      return await restore(factory, work);
    } catch (error) {
      throwUnlessUnusable(error, work);
      // Somebody else may have removed it meanwhile.
      if (isRemoved(work.template)) return undefined;
      if (isRefusal(error) && isFirst) continue;
      await factory.templates.remove(work.key);
      if (!isRefusal(error)) return undefined;
      throw new PyroError(
        "template_unusable",
        `A machine that was just saved does not resume. ${asPyroError(error).message}`,
        { hint: "Report this with the output of pyro doctor --json.", cause: error },
      );
    }
  }
}

function isRefusal(error: unknown): boolean {
  return asPyroError(error).code === "template_unusable" || endedByItself(error);
}

async function restore(
  factory: MachineFactory,
  { spec, request, template }: RestoreWork,
): Promise<Attached> {
  const dataDisk = await openRestoredDisk(request.disk, template);
  try {
    const machine = await factory.driver.restore({ ...spec, dataDisk }, template);
    factory.trace.mark("process");
    const attached = await attachAgent(machine, restoreDeadlineMs, request.signal);
    factory.trace.mark("attached");
    return attached;
  } finally {
    closeSync(dataDisk);
  }
}

/** Throws what is not the template's fault: a missing tool, jail or room, or somebody who gave up. */
function throwUnlessUnusable(error: unknown, { request, template }: RestoreWork): void {
  request.signal?.throwIfAborted();
  if (isRemoved(template)) return;
  const { code } = asPyroError(error);
  if (
    code !== "guest_boot_failed" &&
    code !== "guest_protocol_error" &&
    code !== "template_unusable"
  )
    throw error;
}

/** The cache may be pruned at any time. */
function isRemoved({ memoryPath, statePath }: Template): boolean {
  return !existsSync(memoryPath) || !existsSync(statePath);
}

async function openRestoredDisk(disk: MachineDisk, template: Template): Promise<number> {
  if (disk.kind === "existing") return disk.open();
  const content = await readDiskContent(template.diskContentPath);
  // The template was checked a moment ago; it can only have been removed since.
  if (content === undefined) throw new PyroError("template_unusable", "The template is gone.");
  return disk.create(content);
}

async function bootAlone(
  factory: MachineFactory,
  spec: MachineSpec,
  request: StartRequest,
): Promise<StartedMachine> {
  const dataDisk =
    request.disk.kind === "existing"
      ? request.disk.open()
      : request.disk.create(await factory.blank());
  try {
    const machine = await factory.driver.boot({ ...spec, dataDisk });
    const attached = await attachBooted(machine, { ...factory, signal: request.signal });
    factory.trace.mark("booted");
    return { ...attached, origin: "booted" };
  } finally {
    closeSync(dataDisk);
  }
}

/** Tells a machine who it is; one that was booted, or waits for a disk that exists, is activated first. */
async function identify({ client, origin }: StartedMachine, request: StartRequest): Promise<void> {
  const identity = newIdentity(request.hostname, request.notBeforeNs);
  const isNew = request.disk.kind === "new";
  const activatedBefore = isNew && origin !== "booted";
  await (activatedBefore
    ? client.renew(identity)
    : client.activate({
        ...identity,
        ...activationDefaults(request.image),
        discardRoot: !isNew && request.discardRoot,
      }));
}
