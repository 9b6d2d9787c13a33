import { statfsSync } from "node:fs";
import { freemem, totalmem } from "node:os";

const mib = 1024 * 1024;

/** What a standby leaves to everybody else: where the host has less, it is not started, and ends. */
export interface Floors {
  readonly memoryFloorBytes: number;
  readonly diskFloorBytes: number;
}

/** A twentieth of the host's memory, and never less than a machine of the default size may take. */
export function floorsOfHost(): Floors {
  return {
    memoryFloorBytes: Math.max(1024 * mib, Math.floor(totalmem() / 20)),
    diskFloorBytes: 1024 * mib,
  };
}

/** Why no standby may be started now, or null. */
export function whyHeldBack(
  directory: string,
  { memoryFloorBytes, diskFloorBytes }: Floors,
): string | null {
  const { bavail, bsize } = statfsSync(directory);
  return (
    shortage("memory", freemem(), memoryFloorBytes) ??
    shortage("disk", bavail * bsize, diskFloorBytes)
  );
}

function shortage(what: string, leftBytes: number, floorBytes: number): string | null {
  if (leftBytes >= floorBytes) return null;
  const [left, floor] = [leftBytes, floorBytes].map((bytes) => Math.floor(bytes / mib));
  return `The host has ${left} MiB of ${what} left, and standbys leave it ${floor} MiB.`;
}
