import { createHash, type Hash } from "node:crypto";
import { type FileHandle, open } from "node:fs/promises";
import { PyroError } from "../../model/errors.ts";
import { namingNoSpace } from "../../platform/files.ts";
import type { Digest } from "./digest.ts";
import type { GuardedResponse } from "./guarded-transport.ts";
import { hashFile } from "./hash-file.ts";
import { receive } from "./receive.ts";
import { discard } from "./responses.ts";
import { PassingFailure, type Wait, withRetries } from "./retry.ts";

/** Where blobs come from. */
export interface BlobSource {
  open(digest: Digest, offsetBytes: number, signal?: AbortSignal): Promise<GuardedResponse>;
  /** Longest silence of a transfer. */
  readonly stallTimeoutMs: number;
  readonly wait: Wait;
  readonly signal: AbortSignal | undefined;
}

export interface BlobProgress {
  /** Bytes of this blob that are here now; falls back when a transfer has to start again. */
  onBytes(keptBytes: number): void;
  onRetry(retries: number): void;
  /** Another process is downloading the same blob. */
  onWait(): void;
}

interface Blob {
  readonly digest: Digest;
  readonly sizeBytes: number;
}

/** An unfinished file and the digest of what is in it. */
interface Partial {
  readonly file: FileHandle;
  keptBytes: number;
  hash: Hash;
}

/** Completes `path` to the promised bytes, from wherever an earlier download left it. */
export async function downloadBlob(
  blob: Blob,
  path: string,
  source: BlobSource,
  progress: BlobProgress,
): Promise<void> {
  await using file = await open(path, "a+", 0o600);
  try {
    const partial = await readPartial(file, path, {
      sizeBytes: blob.sizeBytes,
      signal: source.signal,
    });
    progress.onBytes(partial.keptBytes);
    const wasResumed = partial.keptBytes > 0;
    await complete(blob, partial, source, progress);
    if (digestOf(partial) !== blob.digest && wasResumed) {
      // The kept part may be another run's damage: the registry gets one clean chance.
      await restart(partial);
      await complete(blob, partial, source, progress);
    }
    await requireDigest(blob, partial);
    await file.datasync();
  } catch (error) {
    throw namingNoSpace(error, path);
  }
}

async function readPartial(
  file: FileHandle,
  path: string,
  wanted: { readonly sizeBytes: number; readonly signal: AbortSignal | undefined },
): Promise<Partial> {
  const { size } = await file.stat();
  const partial: Partial = { file, keptBytes: size, hash: await hashFile(path, wanted.signal) };
  if (size > wanted.sizeBytes) await restart(partial);
  return partial;
}

async function complete(
  blob: Blob,
  partial: Partial,
  source: BlobSource,
  progress: BlobProgress,
): Promise<void> {
  if (partial.keptBytes === blob.sizeBytes) return;
  await withRetries(() => continueDownload(blob, partial, source, progress), {
    wait: source.wait,
    signal: source.signal,
    keptBytes: () => partial.keptBytes,
    onRetry: progress.onRetry,
  });
}

async function continueDownload(
  blob: Blob,
  partial: Partial,
  source: BlobSource,
  progress: BlobProgress,
): Promise<void> {
  const response = await source.open(blob.digest, partial.keptBytes, source.signal);
  // Before anything is waited for: bytes that nobody takes are lost when the connection breaks.
  const chunks = receive(response, source.stallTimeoutMs);
  await alignWithAnswer(blob, partial, response);
  requireAnnouncedSize(blob, partial, response);
  for await (const chunk of chunks) {
    if (partial.keptBytes + chunk.length > blob.sizeBytes) {
      await restart(partial);
      throw wrongSize(blob, `over ${blob.sizeBytes}`);
    }
    await partial.file.appendFile(chunk);
    partial.hash.update(chunk);
    partial.keptBytes += chunk.length;
    progress.onBytes(partial.keptBytes);
  }
  if (partial.keptBytes < blob.sizeBytes)
    throw new PassingFailure(
      `Blob ${blob.digest} ended after ${partial.keptBytes} of ${blob.sizeBytes} bytes.`,
      { hint: "Pull again; if it happens again, the registry has a truncated copy." },
    );
}

/** Throws away what was kept when the registry starts anew instead of continuing. */
async function alignWithAnswer(
  blob: Blob,
  partial: Partial,
  response: GuardedResponse,
): Promise<void> {
  if (response.status === 206) {
    const range = response.headers["content-range"] ?? "";
    const match = /^bytes (\d+)-\d+\/(?:\d+|\*)$/.exec(range);
    if (match && Number(match[1]) === partial.keptBytes) return;
  }
  if (response.status === 200) return await restart(partial);
  // A range that the registry does not have, or another one than was asked for.
  discard(response);
  await restart(partial);
  throw new PassingFailure(`The registry cannot continue blob ${blob.digest}.`, {
    hint: "Pull again.",
  });
}

function requireAnnouncedSize(blob: Blob, partial: Partial, response: GuardedResponse): void {
  const announced = response.headers["content-length"];
  const expected = blob.sizeBytes - partial.keptBytes;
  if (announced === undefined || Number(announced) === expected) return;
  discard(response);
  throw wrongSize(blob, `${Number(announced) + partial.keptBytes}`);
}

async function restart(partial: Partial): Promise<void> {
  await partial.file.truncate(0);
  partial.keptBytes = 0;
  partial.hash = createHash("sha256");
}

async function requireDigest(blob: Blob, partial: Partial): Promise<void> {
  const found = digestOf(partial);
  if (found === blob.digest) return;
  await restart(partial);
  throw new PyroError(
    "digest_mismatch",
    `The registry sent ${found} where the image promises ${blob.digest}.`,
    { hint: mismatchHint },
  );
}

function digestOf(partial: Partial): string {
  return `sha256:${partial.hash.copy().digest("hex")}`;
}

function wrongSize(blob: Blob, found: string): PyroError {
  return new PyroError(
    "digest_mismatch",
    `Blob ${blob.digest} has ${found} bytes where the image promises ${blob.sizeBytes}.`,
    { hint: mismatchHint },
  );
}

const mismatchHint =
  "Pull again; if it happens again, the registry or something on the way is broken.";
