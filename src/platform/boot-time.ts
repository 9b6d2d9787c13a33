import { uptime } from "node:os";
import { currentBootId } from "./processes.ts";

/** A moment by the clock that runs since the host's boot, also while it sleeps, and that nobody can set. */
export interface BootMoment {
  readonly bootId: string;
  readonly uptimeMs: number;
}

export function bootMomentIn(ms: number): BootMoment {
  return { bootId: currentBootId(), uptimeMs: Math.round(uptime() * 1000 + ms) };
}

/** Milliseconds until then, less than 0 afterwards; undefined for a moment of another boot. */
export function msUntil({ bootId, uptimeMs }: BootMoment): number | undefined {
  return bootId === currentBootId() ? uptimeMs - uptime() * 1000 : undefined;
}
