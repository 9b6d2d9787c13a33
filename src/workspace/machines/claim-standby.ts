import { renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { guardTerms, guardTermsName, type Machine } from "../../drivers/driver.ts";
import { templateName } from "../../environments/templates.ts";
import { asPyroError } from "../../model/errors.ts";
import { faultPoint } from "../../platform/fault.ts";
import { removeTree } from "../../platform/remove-tree.ts";
import { attachAgent, orDiscard } from "./attach-agent.ts";
import type { MachineFactory } from "./machine-factory.ts";
import { type HeldStandby, standbyPaths } from "./standbys.ts";
import { type StartedMachine, type StartRequest, templateKey } from "./start-request.ts";

/** One that does not answer sooner is slower than another that is started. */
const attachDeadlineMs = 2_000;

/** What says more than that a machine cannot be had. */
const tellingCodes: readonly string[] = ["jail_breached", "workspace_lost"];

/**
 * A machine that waited, made what `request` asks for by `prepare`. Undefined where none waits, or where the one that did cannot be had:
 * then another is started.
 */
export async function claimStandby(
  factory: MachineFactory,
  request: StartRequest,
  prepare: (started: StartedMachine) => Promise<void>,
): Promise<StartedMachine | undefined> {
  const { disk, targetDisk, mayClaim = true, lifetime } = request;
  const isNamed = disk.kind === "new" && disk.path !== undefined;
  if (!mayClaim || disk.kind !== "new" || targetDisk !== undefined) return undefined;
  if (isNamed !== (lifetime !== "caller")) return undefined;
  const { vcpuCount, memMib, cpu, image } = request;
  const key = templateName(templateKey(factory, request));
  factory.onWanted({ key, spec: { environment: image.environment, vcpuCount, memMib, cpu } });
  const held = await factory.standbys.claim(key);
  return held && takeOver(factory, { held, request, prepare });
}

interface Claim {
  readonly held: HeldStandby;
  readonly request: StartRequest;
  readonly prepare: (started: StartedMachine) => Promise<void>;
}

async function takeOver(
  factory: MachineFactory,
  { held, request, prepare }: Claim,
): Promise<StartedMachine | undefined> {
  const { directory, record } = held;
  const { sockets } = standbyPaths(directory);
  const machine = factory.adopt(record.driver, record.process, sockets);
  factory.trace.mark("claimed");
  try {
    const attached = await attachAgent(machine, attachDeadlineMs, request.signal);
    factory.trace.mark("attached");
    faultPoint("standby.attached");
    const started = { ...attached, origin: "claimed" } as const;
    return await orDiscard(started, async () => {
      await prepare(started);
      factory.trace.mark("activated");
      await machine.verifyConfinement();
      return { ...started, machine: await settle(factory, { held, request, machine }) };
    });
  } catch (error) {
    await removeTree(directory);
    request.signal?.throwIfAborted();
    if (tellingCodes.includes(asPyroError(error).code)) throw error;
    return undefined;
  }
}

/** Puts disk and sockets where they belong. A machine that dies with us stays where it is: its guardian removes everything with it. */
async function settle(
  factory: MachineFactory,
  { held, request, machine }: Pick<Claim, "held" | "request"> & { readonly machine: Machine },
): Promise<Machine> {
  const { lifetime, disk } = request;
  if (lifetime === "caller" || disk.kind !== "new" || disk.path === undefined) return machine;
  const { directory, record } = held;
  const paths = standbyPaths(directory);
  // First, so that nobody uses a disk that a machine nobody knows of writes to.
  lifetime.claim(record.process);
  faultPoint("standby.recorded");
  // Removed by the guardian, which is there longer than we may be.
  const former = `--former=${directory}`;
  const terms = [...guardTerms(lifetime), former].map((term) => `${term}\0`);
  writeFileSync(join(paths.sockets, guardTermsName), terms.join(""), { mode: 0o600 });
  rmSync(disk.path, { force: true });
  renameSync(paths.disk, disk.path);
  faultPoint("standby.disk-moved");
  // Nobody may take it for a standby's that was left over.
  rmSync(paths.record);
  renameSync(paths.sockets, lifetime.directory);
  faultPoint("standby.moved");
  machine.leaveConsole();
  return factory.adopt(record.driver, record.process, lifetime.directory);
}
