import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { compose, type Engine } from "../src/compose.ts";
import { type Config, readConfig, toolEnvironment } from "../src/platform/config.ts";
import type { Counts } from "./counts.ts";
import { type Program, runTimed } from "./timed-process.ts";

export const environment = "debian:12";
export const cliPath = fileURLToPath(new URL("../bin/pyro", import.meta.url));

/** Long enough for a first run, which fetches the environment and the kernel. */
const firstRunSeconds = 3600;

/** What every section measures with. */
export interface Bench {
  readonly counts: Counts;
  /** The product's own cache, and a state directory of the benchmark's. */
  readonly config: Config;
  readonly engine: Engine;
  /** For the files of sections; gone in the end. */
  readonly workDirectory: string;
  readonly signal: AbortSignal;
  readonly progress: (text: string) => void;
}

export type BenchParts = Pick<Bench, "counts" | "workDirectory" | "signal" | "progress">;

export function makeBench(parts: BenchParts): Bench {
  const config = { ...readConfig(), stateDirectory: join(parts.workDirectory, "state") };
  return { ...parts, config, engine: compose(config) };
}

/** Installs what is missing and makes the template, as any first run does. */
export async function prepare({ config, signal, progress }: Bench): Promise<void> {
  progress("preparing: one run, which installs what is missing");
  const command = ["--ttl-seconds", String(firstRunSeconds), environment, "--", "true"];
  await runTimed(pyro(config, "run", ...command), signal);
}

/** The command line of this checkout, with an environment that is the same everywhere. */
export function pyro(config: Config, ...args: readonly string[]): Program {
  return { command: cliPath, args, env: pyroEnvironment(config) };
}

/** What programs of the benchmark find in their environment. */
export function pyroEnvironment(config: Config): NodeJS.ProcessEnv {
  return {
    ...toolEnvironment(),
    PYRO_TRACE: "1",
    // The section about machines that wait makes them ready itself.
    PYRO_STANDBY: "0",
    PYRO_CACHE_DIR: config.cacheDirectory,
    PYRO_STATE_DIR: config.stateDirectory,
    ...(config.requireKvm && { PYRO_REQUIRE_KVM: "1" }),
    ...(config.debianMirror && { PYRO_DEBIAN_MIRROR: config.debianMirror }),
  };
}
