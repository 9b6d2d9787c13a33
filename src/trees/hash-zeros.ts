import type { createHash } from "node:crypto";
import { setImmediate } from "node:timers/promises";

export type Hash = ReturnType<typeof createHash>;

const zeros = Buffer.alloc(1024 * 1024);
/** About 10 ms of hashing, after which others get their turn. */
const turnBytes = 16 * zeros.length;

/** Adds a hole's zeros to a digest. */
export async function hashZeros(hash: Hash, bytes: number): Promise<void> {
  for (let at = 0; at < bytes; at += zeros.length) {
    hash.update(zeros.subarray(0, Math.min(zeros.length, bytes - at)));
    if (at % turnBytes === 0 && at > 0) await setImmediate();
  }
}
