import { createReadStream } from "node:fs";
import type { Readable } from "node:stream";
import {
  type CatalogEntry,
  catalogEnv,
  findCatalogEntry,
  isOutdated,
  recipeOf,
} from "../../environments/catalog.ts";
import { startMmdebstrap } from "../../environments/debian/mmdebstrap.ts";
import { pullImage } from "../../environments/oci/pull-image.ts";
import {
  type ImageConfig,
  type ImageSource,
  type InstalledImage,
  imageId,
} from "../../environments/store.ts";
import { PyroError } from "../../model/errors.ts";
import type { CpuLevel } from "../../model/machine-options.ts";
import { requireDiskRoom } from "../../platform/files.ts";
import { acquireLock } from "../../platform/lock.ts";
import type { RunningTool } from "../../platform/tools.ts";
import type { Host, WorkOptions } from "../machines/host.ts";
import { buildImage, type ImageLayer } from "./build-image.ts";

/** Less than this and no environment fits. */
const spareDiskBytes = 512 * 1024 * 1024;

/** What goes into an image, whatever its source. */
interface Ingredients {
  readonly source: ImageSource;
  readonly config: ImageConfig;
  readonly layers: readonly ImageLayer[];
  /** Settles when nothing works for the image any more, well or not. */
  readonly ended: Promise<unknown>;
}

/** Installs `environment`, or finds that another process just did. */
export async function installEnvironment(
  host: Host,
  environment: string,
  options: WorkOptions,
): Promise<{ image: InstalledImage; alreadyInstalled: boolean }> {
  const { onProgress, signal } = options;
  await host.images.prepare();
  const onWait = () =>
    onProgress?.({ step: `waiting for another process to install ${environment}` });
  using _lock = await acquireLock(host.images.lockPath(environment), { signal, onWait });
  const meanwhile = await host.images.find(environment);
  if (meanwhile && !isOutdated(meanwhile)) return { image: meanwhile, alreadyInstalled: true };
  await requireDiskRoom(host.config.cacheDirectory, spareDiskBytes);
  const factory = await host.machineFactory(options);
  const entry = findCatalogEntry(environment);
  const work = new AbortController();
  let ended: Promise<unknown> | undefined;
  const combined = signal ? AbortSignal.any([signal, work.signal]) : work.signal;
  try {
    const ingredients = entry
      ? debianIngredients(host, entry, { onProgress, signal: combined })
      : await ociIngredients(host, environment, { onProgress, signal: combined });
    ended = ingredients.ended;
    await using draft = await host.images.draft();
    const built = await buildImage({
      ...factory,
      diskPath: draft.diskPath,
      layers: ingredients.layers,
      signal: combined,
    });
    const createdAt = new Date().toISOString();
    const image: InstalledImage = {
      id: imageId([environment, createdAt, JSON.stringify(ingredients.source)]),
      environment,
      source: ingredients.source,
      config: ingredients.config,
      createdAt,
      entryCount: built.entryCount,
      usedBytes: built.usedBytes,
      cpu: levelFor(built.isaLevel),
    };
    await draft.publish(image);
    return { image, alreadyInstalled: false };
  } finally {
    // Whatever still fetches or unpacks has nobody to work for.
    work.abort(new PyroError("cancelled", "The installation ended."));
    await ended;
  }
}

/** The least of the CPUs that a guest may have on which an image of this level runs; level 4 takes more than any of them has. */
function levelFor(isaLevel: number): CpuLevel {
  return isaLevel > 2 ? "v3" : "v2";
}

function debianIngredients(
  host: Host,
  entry: CatalogEntry,
  { onProgress, signal }: WorkOptions,
): Ingredients {
  let step = "fetching packages";
  onProgress?.({ step });
  const onStep = (announced: string) => {
    step = announced;
    onProgress?.({ step });
  };
  const tool = startMmdebstrap({
    suite: entry.suite,
    variant: "minbase",
    packages: entry.packages,
    config: host.config,
    signal,
    onStep,
  });
  return {
    source: { kind: "debian", suite: entry.suite, recipe: recipeOf(entry) },
    config: {
      env: catalogEnv,
      workingDirectory: undefined,
      user: undefined,
      entrypoint: undefined,
      command: undefined,
    },
    layers: [
      {
        name: "The archive of Debian's packages",
        open: () =>
          wholeOutput(tool, (completedBytes) =>
            onProgress?.({ step: "building the image", completedBytes }),
          ),
      },
    ],
    ended: tool.done.catch(() => undefined),
  };
}

async function ociIngredients(
  host: Host,
  reference: string,
  { onProgress, signal }: WorkOptions,
): Promise<Ingredients> {
  const { cacheDirectory, registryAuthFile, insecureRegistries } = host.config;
  const image = await pullImage(reference, {
    cacheDirectory,
    authFile: registryAuthFile,
    insecureRegistries,
    signal,
    onProgress: ({ phase, completedBytes, totalBytes }) =>
      onProgress?.({
        step: phase === "resolve" ? "resolving" : "downloading",
        completedBytes,
        totalBytes,
      }),
  });
  const totalBytes = image.layers.reduce((sum, layer) => sum + layer.sizeBytes, 0);
  let completedBefore = 0;
  const layers = image.layers.map((layer, index): ImageLayer => {
    const name = `Layer ${index + 1} of ${image.layers.length} of ${reference} (${layer.digest})`;
    const report = (bytes: number) =>
      onProgress?.({
        step: "building the image",
        completedBytes: completedBefore + bytes,
        totalBytes,
      });
    return {
      name,
      open: () => metered(createReadStream(layer.path, { highWaterMark: 1 << 20 }), report),
      check: ({ diffId }) => {
        completedBefore += layer.sizeBytes;
        if (diffId === layer.diffId) return;
        throw new PyroError(
          "digest_mismatch",
          `${name} unpacks to ${diffId}, but the image promises ${layer.diffId}.`,
          { hint: "The image is broken or tampered with; do not use it." },
        );
      },
    };
  });
  const { env, workingDirectory, user, entrypoint, command } = image.config;
  return {
    source: {
      kind: "oci",
      reference: image.canonicalReference,
      manifestDigest: image.manifestDigest,
    },
    config: {
      env: env.length > 0 ? env : catalogEnv.slice(0, 1),
      workingDirectory,
      user,
      entrypoint,
      command,
    },
    layers,
    ended: Promise.resolve(),
  };
}

/** What a program writes; how it failed comes before any end of its output. */
async function* wholeOutput(
  tool: RunningTool,
  report: (bytes: number) => void,
): AsyncGenerator<Buffer, void, void> {
  yield* metered(tool.stdout, report);
  await tool.done;
}

/** `source` with a report of how much of it has passed. */
async function* metered(
  source: Readable,
  report: (bytes: number) => void,
): AsyncGenerator<Buffer, void, void> {
  let passedBytes = 0;
  for await (const chunk of source as AsyncIterable<Buffer>) {
    passedBytes += chunk.length;
    report(passedBytes);
    yield chunk;
  }
}
