import { keeperEnvironment } from "../../platform/config.ts";
import { startOrphan } from "../../platform/orphan.ts";
import { identifySelf, type ProcessIdentity } from "../../platform/processes.ts";
import type { Host } from "../machines/host.ts";
import type { StandbySpec } from "../machines/standbys.ts";
import { wishOfUser } from "./standby-settings.ts";

/** Who keeps standbys for the command line. */
export const userKeeper = "user";

/** What the process is told that keeps standbys. */
export interface RefillRequest {
  readonly spec: StandbySpec;
  readonly count: number;
  readonly idleSeconds: number;
  readonly keeper: string;
  /** Whose wish it is. */
  readonly process: ProcessIdentity;
  /** Whether it holds only as long as `pyro standby on` does. */
  readonly followsSettings: boolean;
}

/**
 * Has another machine like the last one that was asked for made ready, where its user wants that, by a process that is waited for by
 * nobody and begins when a core is idle.
 */
export function refillForUser(host: Host, program: string): void {
  const wanted = host.lastWanted;
  const wish = wanted && wishOfUser(host.config, host.standbys);
  if (wish === undefined) return;
  const { environment, count, idleSeconds, followsSettings } = wish;
  if (environment !== null && environment !== wanted?.spec.environment) return;
  refill(host, program, { keeper: userKeeper, count, idleSeconds, followsSettings });
}

/** The same for whoever keeps them for himself. */
export function refill(
  host: Host,
  program: string,
  wish: Omit<RefillRequest, "spec" | "process">,
): void {
  const wanted = host.lastWanted;
  if (wanted === undefined || host.standbys.waiting(wanted.key).length >= wish.count) return;
  const request: RefillRequest = { ...wish, spec: wanted.spec, process: identifySelf() };
  const node = [process.execPath, "--disable-warning=ExperimentalWarning", program];
  startOrphan([...node, JSON.stringify(request)], keeperEnvironment(host.config));
}
