import { access, statfs } from "node:fs/promises";
import { freemem } from "node:os";
import { delimiter, join } from "node:path";
import type { BootFiles, DriverProbe, DriverStatus } from "../drivers/driver.ts";
import { ImageStore } from "../environments/store.ts";
import { asPyroError } from "../model/errors.ts";
import type { DoctorCheck, DoctorReport } from "../model/results.ts";
import { type Config, toolEnvironment } from "../platform/config.ts";
import { ensurePrivateDirectory } from "../platform/directories.ts";
import { type HostProgram, hostPrograms } from "./host-programs.ts";
import { checkMachines, checkStandbys } from "./machines.ts";
import { checkProxies } from "./proxies.ts";
import { fail, ok, warn } from "./verdict.ts";

const gibibyte = 1024 ** 3;
const roomWarnBytes = 4 * gibibyte;
const roomFailBytes = gibibyte / 2;
const memoryWarnBytes = 2 * gibibyte;

export interface DoctorParts {
  readonly config: Config;
  readonly probes: readonly DriverProbe[];
  /** Tries the monitor's jail with a harmless program; throws when it cannot be set up. */
  readonly tryJail: () => Promise<void>;
  readonly agentPath: string;
  readonly installedBootFiles: () => Promise<BootFiles | undefined>;
  /** How many machines wait for a command, and how many are left over. */
  readonly countStandbys: () => { readonly waiting: number; readonly stale: number };
}

/** Looks at everything a guest needs and says what mends the rest. Changes nothing but creates our directories. */
export async function examineHost(parts: DoctorParts): Promise<DoctorReport> {
  const directories = [
    checkDirectory("cache directory", parts.config.cacheDirectory),
    checkDirectory("state directory", parts.config.stateDirectory),
  ];
  const usableDirectories = directories.every((check) => check.status === "ok");
  const boot = usableDirectories
    ? await parts.installedBootFiles().catch(() => undefined)
    : undefined;
  const driver = usableDirectories ? await findDriver(parts, boot) : undefined;
  const checks: DoctorCheck[] = [
    ...(driver ? driverChecks(driver) : []),
    ...(driver ? otherDriverChecks(driver) : []),
    await check("jail", "bubblewrap confines the virtual machine monitor", parts.tryJail),
    await check(
      "guest agent",
      `built, at ${parts.agentPath}`,
      () => access(parts.agentPath),
      "make build",
    ),
    boot
      ? ok("guest kernel", "installed")
      : warn(
          "guest kernel",
          "not prepared for this pyro yet; the first run does it",
          "pyro env pull debian:12",
        ),
    ...(await Promise.all(neededPrograms().map(checkProgram))),
    ...directories,
    ...(await checkProxies()),
    ...(usableDirectories
      ? [
          await checkRoom(parts.config.cacheDirectory),
          await checkEnvironments(parts.config),
          ...checkMachines(parts.config.stateDirectory),
          ...checkStandbys(parts.countStandbys()),
        ]
      : []),
    checkMemory(),
  ];
  const lacking = checks.find((one) => one.status === "fail");
  const canRunGuests = driver?.status.usable === true && lacking === undefined;
  return {
    canRunGuests,
    driver: driver?.status.usable ? driver.name : null,
    accelerator: driver?.status.accelerator ?? null,
    isolation: driver?.isolation ?? null,
    reason: reasonOf(driver, lacking),
    checks,
  };
}

/** Of how guests run here, or of why none can. */
function reasonOf(driver: FoundDriver | undefined, lacking: DoctorCheck | undefined): string {
  if (driver === undefined) return "The cache or state directory cannot be used.";
  if (!driver.status.usable || lacking === undefined) return driver.status.reason;
  return `${lacking.name}: ${lacking.message}`;
}

interface FoundDriver {
  readonly name: string;
  readonly status: DriverStatus;
  readonly isolation: DoctorReport["isolation"];
  /** Those that come before it, and run no guest. */
  readonly before: readonly Pick<FoundDriver, "name" | "status">[];
}

async function findDriver(
  parts: DoctorParts,
  boot: BootFiles | undefined,
): Promise<FoundDriver | undefined> {
  let found: FoundDriver | undefined;
  for (const probe of parts.probes) {
    const before = found === undefined ? [] : [...found.before, found];
    const { status, driver } = await probe.probe({ boot, prove: true }).catch(cutOff);
    const isolation = driver?.capabilities.isolation ?? null;
    found = { name: probe.name, status, isolation, before };
    if (status.usable) return found;
  }
  return found;
}

/** A guest that could not even be started: its reason is one of the host's, and another check's as well. */
function cutOff(error: unknown): { status: DriverStatus; driver: undefined } {
  const { message, hint } = asPyroError(error);
  const unknown = { version: undefined, accelerator: undefined, proof: undefined };
  return { status: { ...unknown, usable: false, reason: message, fix: hint }, driver: undefined };
}

function driverChecks({ name, status, isolation }: FoundDriver): DoctorCheck[] {
  const monitor =
    status.version === undefined
      ? fail(name, status.reason, status.fix ?? null)
      : ok(name, `version ${status.version}`);
  if (!status.usable)
    return [status.version === undefined ? monitor : fail(name, status.reason, status.fix ?? null)];
  const boots =
    status.proof === undefined
      ? warn(
          "guest boot",
          "untested until the guest kernel is installed",
          "pyro env pull debian:12",
        )
      : ok("guest boot", status.proof);
  if (isolation === "hardware") return [ok("KVM", status.reason), monitor, boots];
  const slow = "Guests run in software emulation: slower, and a weaker boundary than hardware.";
  return [warn("KVM", `${status.reason} ${slow}`, null), monitor, boots];
}

/** Why guests do not run with a driver that would be preferred. One that is not installed matters only where it would work. */
function otherDriverChecks({ name, status, isolation, before }: FoundDriver): DoctorCheck[] {
  return before.flatMap((other) => {
    if (other.status.isAbsent)
      return isolation === "hardware"
        ? ok(other.name, `not installed; guests run with ${name} (docs/install.md)`)
        : [];
    const instead = status.usable ? ` Guests run with ${name} instead.` : "";
    return warn(other.name, `${other.status.reason}${instead}`, other.status.fix ?? null);
  });
}

function checkDirectory(name: string, path: string): DoctorCheck {
  try {
    ensurePrivateDirectory(path);
    return ok(name, path);
  } catch (error) {
    const { message, hint } = asPyroError(error);
    return fail(name, message, hint ?? null);
  }
}

function neededPrograms(): readonly HostProgram[] {
  const isRoot = process.getuid?.() === 0;
  return hostPrograms.filter(({ isForOrdinaryUsers }) => !(isForOrdinaryUsers && isRoot));
}

async function checkProgram({ program, packageName, purpose }: HostProgram): Promise<DoctorCheck> {
  for (const directory of toolEnvironment().PATH.split(delimiter)) {
    if (
      await access(join(directory, program)).then(
        () => true,
        () => false,
      )
    )
      return ok(program, `installed; ${purpose}`);
  }
  return fail(program, `not installed; it ${purpose}`, `sudo apt-get install ${packageName}`);
}

async function check(
  name: string,
  good: string,
  probe: () => Promise<void>,
  fix?: string,
): Promise<DoctorCheck> {
  try {
    await probe();
    return ok(name, good);
  } catch (error) {
    const { message, hint } = asPyroError(error);
    return fail(name, message, fix ?? hint ?? null);
  }
}

async function checkRoom(directory: string): Promise<DoctorCheck> {
  const { bavail, bsize } = await statfs(directory);
  const message = `${((bavail * bsize) / gibibyte).toFixed(1)} GiB free in ${directory}`;
  if (bavail * bsize < roomFailBytes) return fail("disk room", message, "pyro env prune");
  return bavail * bsize < roomWarnBytes
    ? warn("disk room", message, "pyro env prune")
    : ok("disk room", message);
}

function checkMemory(): DoctorCheck {
  const message = `${(freemem() / gibibyte).toFixed(1)} GiB free`;
  return freemem() < memoryWarnBytes ? warn("memory", message, null) : ok("memory", message);
}

async function checkEnvironments(config: Config): Promise<DoctorCheck> {
  const installed = await new ImageStore(config.cacheDirectory).list();
  if (installed.length === 0)
    return warn(
      "environments",
      "none installed; the first run installs what it needs",
      "pyro env pull debian:12",
    );
  return ok("environments", installed.map((image) => image.environment).join(", "));
}
