import { randomBytes } from "node:crypto";
import { closeSync, openSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { AgentClient } from "../channel/agent-client.ts";
import { protocolVersion } from "../channel/attach.ts";
import type { BootFiles, Driver, Machine, MachineSpec, SavableMachine } from "../drivers/driver.ts";
import type { BlankDisk } from "../environments/blank-disk.ts";
import { blankDiskVersion } from "../environments/blank-disk.ts";
import { findCatalogEntry } from "../environments/catalog.ts";
import type { ImageStore, InstalledImage } from "../environments/store.ts";
import type { Template, TemplateKeyParts, TemplateStore } from "../environments/templates.ts";
import { asPyroError, PyroError } from "../model/errors.ts";
import type { MachineSize } from "../model/machine-options.ts";
import { visibleText } from "../model/text.ts";
import type { Trace } from "../platform/trace.ts";

const bootDeadlineMs = 60_000;
const restoreDeadlineMs = 10_000;
/** Long enough for the guest to notice that its channel closed before it is frozen. */
const settleMs = 20;

/** What starting machines needs. */
export interface MachineFactory {
  readonly driver: Driver;
  readonly boot: BootFiles;
  readonly images: ImageStore;
  readonly templates: TemplateStore;
  readonly trace: Trace;
}

export interface StartRequest extends MachineSize {
  readonly image: InstalledImage;
  readonly lifetime: MachineSpec["lifetime"];
  /** Open file of the machine's own disk; read and write. */
  readonly dataDisk: number;
  readonly hostname: string;
  readonly signal?: AbortSignal | undefined;
}

/** A machine whose agent answers and knows who it is. */
export interface StartedMachine {
  readonly machine: Machine;
  readonly client: AgentClient;
  /** How it came to be: resumed, booted for itself, or resumed from the template it just became. */
  readonly origin: "restored" | "booted" | "booted-and-saved";
}

/** A running machine for `request`, from a template when there is one. */
export async function startMachine(
  factory: MachineFactory,
  request: StartRequest,
): Promise<StartedMachine> {
  const environmentDisk = openSync(factory.images.diskPath(request.image), "r");
  try {
    const spec: MachineSpec = {
      vcpuCount: request.vcpuCount,
      memMib: request.memMib,
      boot: factory.boot,
      role: "workload",
      environmentDisk,
      dataDisk: request.dataDisk,
      lifetime: request.lifetime,
    };
    const started = await startAttached(factory, spec, request);
    try {
      await activate(started, request);
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

/** Ends a machine that was started; never throws for one that is already gone. */
export async function discard(started: Pick<StartedMachine, "machine" | "client">): Promise<void> {
  started.client.close();
  await started.machine.kill();
}

async function startAttached(
  factory: MachineFactory,
  spec: MachineSpec,
  request: StartRequest,
): Promise<StartedMachine> {
  if (!factory.driver.capabilities.templates)
    return { ...(await bootAlone(factory, spec, request)), origin: "booted" };
  const key = templateKey(factory, request);
  const template = await factory.templates.find(key);
  if (template) {
    const restored = await tryRestore(factory, { spec, request, template, key });
    if (restored) return { ...restored, origin: "restored" };
  }
  // Somebody else is making it: boot for ourselves rather than wait.
  using claim = await factory.templates.tryClaim(key);
  if (claim === undefined)
    return { ...(await bootAlone(factory, spec, request)), origin: "booted" };
  const made =
    (await factory.templates.find(key)) ?? (await makeTemplate(factory, { spec, request, key }));
  if (made) {
    const restored = await tryRestore(factory, { spec, request, template: made, key });
    if (restored) return { ...restored, origin: "booted-and-saved" };
  }
  return { ...(await bootAlone(factory, spec, request)), origin: "booted" };
}

/** Everything that a template of this machine depends on. */
export function templateKey(
  factory: Pick<MachineFactory, "driver" | "boot">,
  request: MachineSize & { image: InstalledImage },
): TemplateKeyParts {
  return {
    imageId: request.image.id,
    bootDigest: factory.boot.digest,
    driverFingerprint: factory.driver.fingerprint,
    protocol: protocolVersion,
    vcpuCount: request.vcpuCount,
    memMib: request.memMib,
    blankDiskVersion,
  };
}

interface TemplateWork {
  readonly spec: MachineSpec;
  readonly request: StartRequest;
  readonly key: TemplateKeyParts;
}

/** A machine resumed from `template`, or undefined when it does not resume; then the template is removed. */
async function tryRestore(
  factory: MachineFactory,
  work: TemplateWork & { template: Template },
): Promise<Attached | undefined> {
  const { spec, request, template, key } = work;
  try {
    const machine = await factory.driver.restore(spec, template);
    factory.trace.mark("process");
    const attached = await attachAgent(machine, restoreDeadlineMs, request.signal);
    factory.trace.mark("attached");
    return attached;
  } catch (error) {
    request.signal?.throwIfAborted();
    const { code } = asPyroError(error);
    if (process.env.DBG)
      if (code === "jail_unavailable" || code === "host_tool_missing")
        // A missing tool or jail is not the template's fault.
        throw error;
    await factory.templates.remove(key);
    return undefined;
  }
}

/** Boots a machine and saves it. Undefined when saving fails, which costs a run its speed but nothing else. */
async function makeTemplate(
  factory: MachineFactory,
  { spec, request, key }: TemplateWork,
): Promise<Template | undefined> {
  await using draft = await factory.templates.draft(key);
  let machine: SavableMachine | undefined;
  try {
    machine = await factory.driver.bootSavable({ ...spec, lifetime: "caller" }, draft);
    const attached = await attachAgent(machine, bootDeadlineMs, request.signal);
    factory.trace.mark("booted");
    await attached.client.warm(warmCommands(request.image));
    factory.trace.mark("warmed");
    attached.client.close();
    await sleep(settleMs);
    await machine.saveState();
    await machine.kill();
    await draft.publish();
    factory.trace.mark("saved");
    return await factory.templates.find(key);
  } catch (error) {
    await machine?.kill();
    request.signal?.throwIfAborted();
    if (isBootFailure(error)) throw error;
    return undefined;
  }
}

function isBootFailure(error: unknown): boolean {
  const { code } = asPyroError(error);
  return (
    code === "guest_boot_failed" ||
    code === "jail_unavailable" ||
    code === "host_tool_missing" ||
    code === "vmm_failed"
  );
}

function warmCommands(image: InstalledImage): readonly (readonly string[])[] {
  return findCatalogEntry(image.environment)?.warm ?? [["sh", "-c", "true"]];
}

type Attached = Pick<StartedMachine, "machine" | "client">;

async function bootAlone(
  factory: MachineFactory,
  spec: MachineSpec,
  request: StartRequest,
): Promise<Attached> {
  const machine = await factory.driver.boot(spec);
  const attached = await attachAgent(machine, bootDeadlineMs, request.signal);
  factory.trace.mark("booted");
  return attached;
}

/** The agent of a machine that is starting; the machine is killed when it does not answer in time. */
export async function attachAgent(
  machine: Machine,
  deadlineMs: number,
  signal?: AbortSignal,
): Promise<Attached> {
  const attempt = new AbortController();
  const abort = () => attempt.abort(signal?.reason);
  signal?.addEventListener("abort", abort, { once: true });
  try {
    signal?.throwIfAborted();
    const client = await Promise.race([
      connect(machine, deadlineMs, attempt.signal),
      endOf(machine),
      aborted(attempt.signal),
    ]);
    return { machine, client };
  } catch (error) {
    await machine.kill();
    signal?.throwIfAborted();
    throw await bootFailure(machine, error);
  } finally {
    attempt.abort();
    signal?.removeEventListener("abort", abort);
  }
}

async function connect(
  machine: Machine,
  deadlineMs: number,
  signal: AbortSignal,
): Promise<AgentClient> {
  return AgentClient.connect(await machine.openChannel(signal), deadlineMs);
}

async function endOf(machine: Machine): Promise<never> {
  await machine.exited;
  throw new PyroError("guest_boot_failed", "the virtual machine ended while it was starting.");
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) =>
    signal.addEventListener("abort", () => reject(signal.reason), { once: true }),
  );
}

/** Says what the monitor and the guest's console said last, because that is where a boot failure shows. */
async function bootFailure(machine: Machine, error: unknown): Promise<PyroError> {
  const known = asPyroError(error);
  if (known.code === "guest_protocol_error") return known;
  const { stderrTail } = await machine.exited;
  const quoted = [
    quote("The monitor said", stderrTail),
    quote("The guest's console ended with", machine.consoleTail()),
  ].filter(Boolean);
  const detail = quoted.join("\n") || "Neither the monitor nor the guest's console said anything.";
  return new PyroError(
    "guest_boot_failed",
    `The guest did not start: ${known.message}\n${detail}`,
    { hint: "Run pyro doctor.", cause: error },
  );
}

function quote(title: string, text: string): string {
  const lines = text
    .trimEnd()
    .split("\n")
    .slice(-8)
    .map((line) => visibleText(line.trimEnd(), 160))
    .filter(Boolean);
  return lines.length === 0 ? "" : `${title}:\n  ${lines.join("\n  ")}`;
}

async function activate({ client }: Attached, request: StartRequest): Promise<void> {
  const { config } = request.image;
  await client.activate({
    entropy: randomBytes(256),
    hostname: request.hostname,
    machineId: randomBytes(16).toString("hex"),
    defaultEnv: config.env,
    defaultCwd: config.workingDirectory ?? "/workspace",
    defaultUser: config.user,
  });
}

/** A fresh disk without a name, for a machine that leaves nothing behind. */
export function ephemeralDisk(blank: BlankDisk, directory: string): { fd: number } & Disposable {
  const fd = blank.createUnnamed(directory);
  return { fd, [Symbol.dispose]: () => closeSync(fd) };
}
