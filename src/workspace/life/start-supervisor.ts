import type { ChildProcess } from "node:child_process";
import { type Config, supervisorEnvironment } from "../../platform/config.ts";
import { startOrphan } from "../../platform/orphan.ts";

/**
 * Many of them live at once, and what flows through them is short-lived: a small young generation halves their memory
 * after much output, and an old one that is looked through whenever it has doubled keeps 40 MiB less of what was read.
 */
const nodeFlags = [
  "--disable-warning=ExperimentalWarning",
  "--max-semi-space-size=1",
  "--heap-growing-percent=100",
  // By which memory is given back once work is over.
  "--expose-gc",
];
/** Else each of Node's threads would keep for itself what it was given back. */
const allocatorVariables = { MALLOC_ARENA_MAX: "1" };

export interface SupervisorsParts {
  readonly config: Config;
  /** The supervisor's program. */
  readonly program: string;
}

/** What a supervisor that is started now sees of our environment. */
export function environmentOf({ config }: SupervisorsParts): Record<string, string> {
  return { ...supervisorEnvironment(config), ...allocatorVariables };
}

/** Starts the supervisor's program. Its absence shows as a socket that never answers. */
export function startSupervisor(
  parts: SupervisorsParts,
  args: readonly string[],
  stdio: readonly ("ignore" | "pipe" | number)[],
): ChildProcess {
  const node = [process.execPath, ...nodeFlags, parts.program];
  return startOrphan([...node, ...args], environmentOf(parts), stdio);
}
