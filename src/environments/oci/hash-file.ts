import { createHash, type Hash } from "node:crypto";
import { createReadStream } from "node:fs";
import { imageLimits } from "./limits.ts";

/** The running SHA-256 of a file's content; hashing gigabytes ends with the signal. */
export async function hashFile(path: string, signal: AbortSignal | undefined): Promise<Hash> {
  const hash = createHash("sha256");
  const stream = createReadStream(path, {
    highWaterMark: imageLimits.readBytes,
    ...(signal && { signal }),
  });
  for await (const chunk of stream) hash.update(chunk);
  return hash;
}
