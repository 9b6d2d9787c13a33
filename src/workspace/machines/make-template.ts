import { closeSync } from "node:fs";
import { rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { AgentClient } from "../../channel/agent-client.ts";
import type { Machine, MachineSpec, SavableMachine } from "../../drivers/driver.ts";
import { diskBytes } from "../../environments/blank-disk.ts";
import { captureDisk } from "../../environments/capture-disk.ts";
import { commandsOf } from "../../environments/catalog.ts";
import type { InstalledImage } from "../../environments/store.ts";
import type { Template, TemplateDraft, TemplateKeyParts } from "../../environments/templates.ts";
import { asPyroError, PyroError } from "../../model/errors.ts";
import { writeFileAtomically } from "../../platform/files.ts";
import { activationDefaults, newIdentity } from "./activation.ts";
import { attachBooted } from "./attach-agent.ts";
import type { MachineFactory } from "./machine-factory.ts";

/** What the agent says on the console once it has noticed that its channel was closed. */
const channelIsFree = "pyro-agent: channel free";
const noticeDeadlineMs = 30_000;
const noticePollMs = 2;
const warmTimeoutMs = 10_000;

export interface TemplateWork {
  readonly spec: MachineSpec;
  readonly key: TemplateKeyParts;
  readonly image: InstalledImage;
  readonly signal: AbortSignal | undefined;
}

/**
 * Boots a machine and saves it before it learns who it is. Undefined when saving fails, which costs a run its
 * speed but nothing else; a machine that does not even boot is an error.
 */
export async function makeTemplate(
  factory: MachineFactory,
  work: TemplateWork,
): Promise<Template | undefined> {
  await using draft = await factory.templates.draft(work.key);
  const diskPath = join(dirname(draft.memoryPath), "disk");
  const dataDisk = (await factory.blank()).createAt(diskPath);
  let machine: SavableMachine | undefined;
  try {
    machine = await factory.driver.bootSavable(
      { ...work.spec, dataDisk, lifetime: "caller" },
      draft,
    );
    const { client } = await attachBooted(machine, { ...factory, signal: work.signal });
    await machine.verifyConfinement();
    factory.trace.mark("booted");
    await prepare(client, work);
    factory.trace.mark("prepared");
    await refuseSecrets(client);
    // On a slow host, tries to attach that were given up have ended before.
    const endsBefore = channelEnds(machine);
    client.close();
    await untilChannelIsFree(machine, endsBefore);
    await machine.saveState();
    await machine.kill();
    await publish(draft, { diskPath, key: work.key });
    factory.trace.mark("saved");
    return await factory.templates.find(work.key);
  } catch (error) {
    await machine?.kill();
    work.signal?.throwIfAborted();
    if (cannotBoot(error)) throw error;
    return undefined;
  } finally {
    closeSync(dataDisk);
  }
}

/**
 * A machine with a new disk is activated before it is saved, and the disk's content is saved with it: every clone
 * gets a copy of exactly that disk, so that nothing is left to mount. A disk that exists already must never
 * be known to a template, whose cached view of it would be wrong.
 */
async function prepare(client: AgentClient, { key, image }: TemplateWork): Promise<void> {
  if (key.disk === "existing") return client.build.warm(commandsOf(image.environment, "warm"));
  await client.activate({ ...newIdentity("template"), ...activationDefaults(image) });
  // Run as a user's commands are, so that all they touch is in the page cache that every clone shares.
  for (const command of commandsOf(image.environment, "warm"))
    await client.exec({ command, timeoutMs: warmTimeoutMs });
  await client.renew(newIdentity("template"));
  await client.sync();
}

/** What a machine has in memory goes into its template, and from there into every clone: one that has ever held a secret is never saved. */
export async function refuseSecrets(client: AgentClient): Promise<void> {
  const { heldSecrets } = await client.health();
  if (heldSecrets) throw new PyroError("template_unusable", "The machine has held a secret.");
}

/** How often the agent has said so; told before a connection is closed, it says whether that was noticed. */
export function channelEnds(machine: Machine): number {
  return machine.consoleTail().split(channelIsFree).length - 1;
}

/**
 * Waits until the agent has noticed that another connection has ended. A machine that was saved before would, in every copy, take the
 * next client's words for those of the one that is gone.
 */
export async function untilChannelIsFree(
  machine: Machine,
  endsBefore: number,
  deadlineMs = noticeDeadlineMs,
): Promise<void> {
  const deadline = performance.now() + deadlineMs;
  while (channelEnds(machine) <= endsBefore) {
    if (performance.now() > deadline)
      throw new PyroError("template_unusable", "The guest did not notice that its channel closed.");
    await sleep(noticePollMs);
  }
}

async function publish(
  draft: TemplateDraft,
  { diskPath, key }: { diskPath: string; key: TemplateKeyParts },
): Promise<void> {
  if (key.disk === "new")
    await writeFileAtomically(
      draft.diskContentPath,
      (await captureDisk(diskPath, diskBytes)).encode(),
    );
  await rm(diskPath);
  await draft.publish();
}

function cannotBoot(error: unknown): boolean {
  const { code } = asPyroError(error);
  return (
    code === "guest_boot_failed" ||
    code === "jail_unavailable" ||
    code === "jail_breached" ||
    code === "host_tool_missing" ||
    code === "vmm_failed"
  );
}
