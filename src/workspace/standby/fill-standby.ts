import { randomBytes } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import type { Machine, OwnLifetime } from "../../drivers/driver.ts";
import { commandsOf } from "../../environments/catalog.ts";
import type { InstalledImage } from "../../environments/store.ts";
import { type Template, templateName } from "../../environments/templates.ts";
import { PyroError } from "../../model/errors.ts";
import { faultPoint } from "../../platform/fault.ts";
import type { ProcessIdentity } from "../../platform/processes.ts";
import { removeTree } from "../../platform/remove-tree.ts";
import { newIdentity } from "../machines/activation.ts";
import { type Attached, attachAgent, discard } from "../machines/attach-agent.ts";
import type { Host } from "../machines/host.ts";
import type { MachineFactory } from "../machines/machine-factory.ts";
import { channelEnds, untilChannelIsFree } from "../machines/make-template.ts";
import { pin, type StandbyRecord, type StandbySpec, standbyPaths } from "../machines/standbys.ts";
import { startMachine } from "../machines/start-machine.ts";
import { diskAt, templateKey, unnamedDisk } from "../machines/start-request.ts";
import { processorTicks } from "./standby-cost.ts";
import type { Floors } from "./standby-floors.ts";

const attachDeadlineMs = 10_000;
const warmTimeoutMs = 10_000;
/** Nobody sees it: whoever claims the machine gives it another. */
const hostname = "standby";

export interface StandbyWish {
  readonly spec: StandbySpec;
  readonly keeper: string;
  readonly idleSeconds: number;
  readonly floors: Floors;
  readonly signal?: AbortSignal | undefined;
}

/** The machine that is wished for, as everything of it is found. */
export interface Filling {
  readonly factory: MachineFactory;
  readonly image: InstalledImage;
  readonly key: string;
}

/** What a standby of `spec` is started from, and the key that it is claimed by. */
export async function findFilling(host: Host, spec: StandbySpec): Promise<Filling> {
  const { environment } = spec;
  const image = await host.images.find(environment);
  if (image === undefined)
    throw new PyroError("environment_not_installed", `${environment} is not installed.`, {
      hint: `Install it: pyro env pull ${environment}`,
    });
  const factory = await host.machineFactory();
  const key = templateName(templateKey(factory, request(host, image, spec)));
  return { factory, image, key };
}

/** Starts a machine, has it do once all that a command asks of it, and offers it to whoever wants it. */
export async function fillStandby(
  host: Host,
  { factory, image, key }: Filling,
  wish: StandbyWish,
): Promise<void> {
  const { standbys } = host;
  const template = await savedTemplate(host, { factory, image, key }, wish);
  const directory = standbys.heldPath(randomBytes(8).toString("hex"));
  const { sockets, disk, record } = standbyPaths(directory);
  mkdirSync(standbys.readyDirectory, { recursive: true, mode: 0o700 });
  mkdirSync(sockets, { recursive: true, mode: 0o700 });
  const pins = [template.memoryPath, host.images.diskPath(image)];
  const writeRecord = (process: ProcessIdentity) => {
    const described: StandbyRecord = {
      ...wish.spec,
      process,
      driver: factory.driver.name,
      keeper: wish.keeper,
      readyAt: new Date().toISOString(),
      idleSeconds: wish.idleSeconds,
      usedTicks: processorTicks(process.pid),
      pins: pins.map(pin),
    };
    writeFileSync(record, JSON.stringify(described), { mode: 0o600 });
  };
  const lifetime: OwnLifetime = {
    directory: sockets,
    ttlMs: Infinity,
    standby: { root: standbys.root, idleSeconds: wish.idleSeconds, pins, ...wish.floors },
    claim: writeRecord,
  };
  let machine: Machine | undefined;
  try {
    const started = await startMachine(factory, {
      ...request(host, image, wish.spec),
      disk: diskAt(disk),
      hostname,
      lifetime,
      signal: wish.signal,
    });
    machine = started.machine;
    faultPoint("standby.started");
    await exercise(started, image, wish.signal);
    faultPoint("standby.warmed");
    writeRecord(machine.identity);
    standbys.offer(directory, key);
    faultPoint("standby.ready");
  } catch (error) {
    await machine?.kill();
    await removeTree(directory);
    throw error;
  }
}

function request(host: Host, image: InstalledImage, { vcpuCount, memMib, cpu }: StandbySpec) {
  const disk = unnamedDisk(host.config.stateDirectory);
  return { vcpuCount, memMib, cpu, image, disk, mayClaim: false };
}

/** A standby is held to the template that it came from, so that there is one first. */
async function savedTemplate(
  host: Host,
  { factory, image }: Filling,
  { spec, signal }: StandbyWish,
): Promise<Template> {
  const wanted = request(host, image, spec);
  const key = templateKey(factory, wanted);
  const found = await factory.templates.find(key);
  if (found !== undefined) return found;
  await discard(await startMachine(factory, { ...wanted, hostname, lifetime: "caller", signal }));
  const made = await factory.templates.find(key);
  if (made !== undefined) return made;
  throw new PyroError("template_unusable", `No machine of ${spec.environment} could be saved.`, {
    hint: "Run pyro doctor.",
  });
}

/**
 * Emulation translates what a guest runs when it first runs it: so all that a first command makes it run is run before, twice where
 * a second client finds another state than the first. Nothing of it is left but numbers of processes and what is in caches.
 */
async function exercise(
  { machine, client }: Attached,
  image: InstalledImage,
  signal: AbortSignal | undefined,
): Promise<void> {
  const run = (first: Attached["client"], command: readonly string[]) =>
    first.exec({ command, timeoutMs: warmTimeoutMs }, signal && { signal });
  const warm = commandsOf(image.environment, "standby");
  for (const command of [...warm, ["true"]]) await run(client, command);
  await hangUp(machine, client);
  const again = await attachAgent(machine, attachDeadlineMs, signal);
  await again.client.renew(newIdentity(hostname));
  await run(again.client, ["true"]);
  await again.machine.verifyConfinement();
  await hangUp(machine, again.client);
  machine.leaveConsole();
}

/** Whoever connects next would else not be heard. */
async function hangUp(machine: Machine, client: Attached["client"]): Promise<void> {
  const endsBefore = channelEnds(machine);
  client.close();
  await untilChannelIsFree(machine, endsBefore);
}
