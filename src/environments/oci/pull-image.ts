import { PyroError } from "../../model/errors.ts";
import { requireDiskRoom } from "../../platform/files.ts";
import { BlobStore, type WantedBlob } from "./blob-store.ts";
import type { Descriptor } from "./descriptor.ts";
import type { Digest } from "./digest.ts";
import type { BlobSource } from "./download-blob.ts";
import type { TransportOptions } from "./guarded-transport.ts";
import { type ImageConfig, parseImageConfig } from "./image-config.ts";
import { transferPolicy } from "./limits.ts";
import { forEachInParallel } from "./parallel.ts";
import { type OnProgress, ProgressMeter } from "./progress.ts";
import { formatReference, parseReference } from "./reference.ts";
import { RegistryClient } from "./registry-client.ts";
import { resolveManifest } from "./resolve-manifest.ts";
import { type Wait, waitForReal } from "./retry.ts";

export interface PullImageOptions {
  readonly cacheDirectory: string;
  /** Credentials in the format of Docker's config.json; may be absent. */
  readonly authFile: string;
  /** `HOST[:PORT]` that may be without TLS and on private addresses. */
  readonly insecureRegistries: readonly string[];
  readonly onProgress?: OnProgress | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Waits between tries. Default: real time. */
  readonly wait?: Wait | undefined;
  readonly transport?: TransportOptions | undefined;
}

export interface PulledLayer {
  /** Of the packed file. */
  readonly digest: Digest;
  readonly path: string;
  readonly sizeBytes: number;
  /** Digest of the unpacked tar; not checked here, since nothing is unpacked on the host. */
  readonly diffId: Digest;
}

export interface PulledImage {
  /** The reference with registry, path and tag spelled out. */
  readonly canonicalReference: string;
  /** Of the manifest for linux/amd64, not of an index above it. */
  readonly manifestDigest: Digest;
  readonly configDigest: Digest;
  readonly config: ImageConfig;
  /** Lowest first. */
  readonly layers: readonly PulledLayer[];
}

/** Room that must stay free beside the download. */
const spareDiskBytes = 64 * 1024 * 1024;

/**
 * Fetches what is missing of an image and verifies all of it; the files stay packed. Safe beside
 * other pulls of the same image, and resumes after any interruption.
 */
export async function pullImage(
  reference: string,
  options: PullImageOptions,
): Promise<PulledImage> {
  return await withPull(reference, options, async (pull) => {
    const store = new BlobStore(options.cacheDirectory);
    const resolved = await resolveManifest(pull.client, pull.source);
    const { config: configBlob, layers } = resolved.manifest;
    // Images repeat layers, the empty one above all.
    const blobs = unique([configBlob, ...layers]);
    await requireRoom(store, blobs, options.cacheDirectory);
    pull.meter.enter("download", "fetching the config", totalBytes(blobs));
    await fetchBlob(pull, store, configBlob);
    const parsed = parseImageConfig(await store.read(configBlob.digest), layers.length);
    await fetchLayers(pull, store, unique(layers));
    pull.meter.say("complete");
    return {
      canonicalReference: formatReference(pull.client.reference),
      manifestDigest: resolved.manifestDigest,
      configDigest: configBlob.digest,
      config: parsed.config,
      layers: pairLayers(store, layers, parsed.diffIds),
    };
  });
}

interface Pull {
  readonly client: RegistryClient;
  readonly source: BlobSource;
  readonly meter: ProgressMeter;
}

async function withPull<Result>(
  reference: string,
  options: Omit<PullImageOptions, "cacheDirectory">,
  use: (pull: Pull) => Promise<Result>,
): Promise<Result> {
  const { authFile, insecureRegistries, signal, transport } = options;
  const parsed = parseReference(reference);
  using client = new RegistryClient({
    reference: parsed,
    authFile,
    insecureRegistries,
    ...transport,
  });
  const source: BlobSource = {
    open: (digest, offsetBytes, during) => client.openBlob(digest, offsetBytes, during),
    stallTimeoutMs: client.stallTimeoutMs,
    wait: options.wait ?? waitForReal,
    signal,
  };
  const meter = new ProgressMeter(options.onProgress);
  try {
    signal?.throwIfAborted();
    meter.enter("resolve", `asking ${parsed.registry}`);
    return await use({ client, source, meter });
  } catch (error) {
    if (!signal?.aborted) throw error;
    throw new PyroError("cancelled", `The pull of ${formatReference(parsed)} was cancelled.`, {
      hint: "Pull again to go on; what has arrived is kept.",
      cause: error,
    });
  }
}

async function fetchLayers(
  pull: Pull,
  store: BlobStore,
  layers: readonly WantedBlob[],
): Promise<void> {
  let finished = 0;
  const tell = () => pull.meter.say(`${finished} of ${layers.length} layers`);
  tell();
  const { signal } = pull.source;
  const limit = transferPolicy.parallelLayers;
  await forEachInParallel(layers, { limit, signal }, async (layer, signal) => {
    await fetchBlob({ ...pull, source: { ...pull.source, signal } }, store, layer);
    finished++;
    tell();
  });
}

async function fetchBlob(pull: Pull, store: BlobStore, blob: WantedBlob): Promise<void> {
  const { meter } = pull;
  await store.fetch(blob, pull.source, {
    onBytes: (keptBytes) => meter.setBytes(blob.digest, keptBytes),
    onRetry: (retries) => meter.setRetries(blob.digest, retries),
    onWait: () => meter.say("waiting for another pyro process that fetches the same layer"),
  });
}

async function requireRoom(
  store: BlobStore,
  blobs: readonly WantedBlob[],
  directory: string,
): Promise<void> {
  const kept = await Promise.all(blobs.map((blob) => store.keptBytes(blob)));
  const missingBytes = totalBytes(blobs) - kept.reduce((sum, bytes) => sum + bytes, 0);
  if (missingBytes > 0) await requireDiskRoom(directory, missingBytes + spareDiskBytes);
}

function unique(blobs: readonly WantedBlob[]): readonly WantedBlob[] {
  return [...new Map(blobs.map((blob) => [blob.digest, blob])).values()];
}

function totalBytes(blobs: readonly WantedBlob[]): number {
  return blobs.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
}

function pairLayers(
  store: BlobStore,
  layers: readonly Descriptor[],
  diffIds: readonly Digest[],
): readonly PulledLayer[] {
  return layers.flatMap(({ digest, sizeBytes }, index) => {
    const diffId = diffIds[index];
    // The config was refused unless it has one for each.
    return diffId ? [{ digest, path: store.path(digest), sizeBytes, diffId }] : [];
  });
}
