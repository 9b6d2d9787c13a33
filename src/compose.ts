import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { adopterOf } from "./compose-supervisor.ts";
import { type DoctorParts, examineHost } from "./doctor/doctor.ts";
import type { DriverProbe } from "./drivers/driver.ts";
import { LazyFirecrackerProbe } from "./drivers/firecracker/lazy-probe.ts";
import { HostCompatDriver } from "./drivers/host-compat/host-compat.ts";
import { tryJail } from "./drivers/jail.ts";
import { QemuProbe } from "./drivers/qemu/qemu-probe.ts";
import type { DoctorReport } from "./model/results.ts";
import { type Config, toolEnvironment } from "./platform/config.ts";
import { runTool } from "./platform/tools.ts";
import { startTrace, type Trace } from "./platform/trace.ts";
import { WorkspaceContext } from "./workspace/life/workspace-context.ts";
import { Host } from "./workspace/machines/host.ts";

/** The parts of pyro, put together. */
export interface Engine {
  readonly host: Host;
  readonly workspaces: WorkspaceContext;
  /** What makes machines ready that wait for somebody. */
  readonly standbyProgram: string;
  readonly commandLineProgram: string;
  readonly doctor: () => Promise<DoctorReport>;
}

/** The only place that names concrete drivers. */
export function compose(config: Config, trace: Trace = startTrace()): Engine {
  const agentPath = findAgent();
  const probes = probesOf(config, agentPath);
  const host = new Host({
    config,
    agentPath,
    probes,
    adopterOf,
    compatDriver: new HostCompatDriver(agentPath),
    trace,
  });
  const doctorParts: DoctorParts = {
    config,
    probes,
    tryJail,
    agentPath,
    installedBootFiles: () => host.installedBootFiles(),
    countStandbys: () => host.standbys.count(),
  };
  return {
    host,
    workspaces: new WorkspaceContext(host, findProgram("supervisor")),
    standbyProgram: findProgram("standby"),
    commandLineProgram: findProgram("cli"),
    doctor: () => examineHost(doctorParts),
  };
}

/** Drivers that isolate, best first; where one is asked for by name, no other. */
function probesOf(config: Config, guardianProgram: string): DriverProbe[] {
  const { cacheDirectory, requireKvm, driver } = config;
  const firecracker = () =>
    new LazyFirecrackerProbe({
      cacheDirectory,
      guardianProgram,
      given: config.firecrackerPath,
      searchPath: toolEnvironment().PATH,
      isRequired: driver === "firecracker",
    });
  const qemu = () =>
    new QemuProbe({
      cacheDirectory,
      requireKvm,
      measureTsc: () => measureTsc(guardianProgram),
      guardianProgram,
    });
  switch (driver) {
    case "auto":
      return [firecracker(), qemu()];
    case "firecracker":
      return [firecracker()];
    case "qemu":
      return [qemu()];
  }
}

/** Node cannot read the counter; the agent, which runs on any Linux, can. */
async function measureTsc(agentPath: string): Promise<number> {
  return Number(await runTool(agentPath, ["--measure-tsc"], { packageName: "pyro-mcp" }));
}

/** The guest agent lies in the package's `dist/guest`. */
function findAgent(): string {
  return builtFile("guest/pyro-agent");
}

/** A program of ours beside what runs now: the source of sources, the bundle of bundles. */
function findProgram(name: "supervisor" | "standby" | "cli"): string {
  const source = join(here, name === "cli" ? "cli/entry.ts" : `${name}.ts`);
  return existsSync(source) ? source : builtFile(`${name}.js`);
}

const here = dirname(fileURLToPath(import.meta.url));

/** A file of the package's `dist`: next door to the bundle, to its chunks and to the sources. */
function builtFile(name: string): string {
  const candidates = [join(here, name), join(here, "..", name), join(here, "..", "dist", name)];
  return candidates.find((path) => existsSync(path)) ?? join(here, "..", "dist", name);
}
