import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { acquireLock } from "../../platform/lock.ts";
import type { Host } from "../machines/host.ts";
import type { StandbySpec } from "../machines/standbys.ts";
import { fillStandby, findFilling } from "./fill-standby.ts";
import { type Floors, floorsOfHost, whyHeldBack } from "./standby-floors.ts";

export interface KeepOptions {
  readonly spec: StandbySpec;
  /** How many are to wait. */
  readonly count: number;
  readonly idleSeconds: number;
  /** Who wants them; whatever else he wanted before is ended. */
  readonly keeper: string;
  /** Default: what this host is left at least. */
  readonly floors?: Floors | undefined;
  /** How long somebody else may be at it. Default 15 minutes. */
  readonly lockTimeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Has so many machines wait as are wanted. Answers why there are fewer, or null. */
export async function keepStandbys(
  host: Host,
  { spec, count, floors = floorsOfHost(), lockTimeoutMs, ...wish }: KeepOptions,
): Promise<string | null> {
  const { standbys } = host;
  host.prepareDirectories();
  mkdirSync(standbys.root, { recursive: true, mode: 0o700 });
  using _lock = await acquireLock(join(standbys.root, "filling.lock"), {
    ...(lockTimeoutMs !== undefined && { timeoutMs: lockTimeoutMs }),
    signal: wish.signal,
  });
  await standbys.sweep();
  const filling = await findFilling(host, spec);
  await standbys.endWaiting(
    ({ name, record }) => record.keeper === wish.keeper && !name.startsWith(`${filling.key}.`),
  );
  while (standbys.waiting(filling.key).length < count) {
    const reason = whyHeldBack(standbys.root, floors);
    if (reason !== null) return reason;
    await fillStandby(host, filling, { spec, floors, ...wish });
  }
  return null;
}
