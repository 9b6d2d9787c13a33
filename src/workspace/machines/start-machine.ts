import { closeSync, existsSync, openSync } from "node:fs";
import { setImmediate as immediately } from "node:timers/promises";
import type { AgentClient } from "../../channel/agent-client.ts";
import type { MachineSpec } from "../../drivers/driver.ts";
import { readDiskContent } from "../../environments/blank-disk.ts";
import { commandsOf } from "../../environments/catalog.ts";
import type { InstalledImage } from "../../environments/store.ts";
import type { Template, TemplateKeyParts } from "../../environments/templates.ts";
import { asPyroError, PyroError, systemErrorCode } from "../../model/errors.ts";
import { activationDefaults, newIdentity } from "./activation.ts";
import {
  type Attached,
  attachAgent,
  attachBooted,
  endedByItself,
  orDiscard,
} from "./attach-agent.ts";
import { claimStandby } from "./claim-standby.ts";
import type { MachineFactory } from "./machine-factory.ts";
import { makeTemplate } from "./make-template.ts";
import {
  type MachineDisk,
  type StartedMachine,
  type StartRequest,
  templateKey,
} from "./start-request.ts";

const restoreDeadlineMs = 10_000;

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
  const claimed = await claimStandby(factory, request, prepare);
  if (claimed !== undefined) return claimed;
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
    return await orDiscard(started, async () => {
      await prepare(started);
      factory.trace.mark("activated");
      await started.machine.verifyConfinement();
      return started;
    });
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
  if (request.disk.kind === "existing" && request.disk.filled !== undefined)
    await untilFilled(request.disk.filled, client, request.image);
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

/** A guest that has to wait practises meanwhile: what it runs once is translated, and in memory, for its first command. */
async function untilFilled(
  filled: Promise<unknown>,
  client: AgentClient,
  image: InstalledImage,
): Promise<void> {
  for (const command of commandsOf(image.environment, "standby")) {
    if (await Promise.race([filled.then(() => true), immediately(false)])) return;
    await client.build.warm([command]).catch(() => undefined);
  }
  await filled;
}
