import { readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { catalog, findCatalogEntry, isOutdated } from "../environments/catalog.ts";
import { cpuFor, type ImageSource, type InstalledImage } from "../environments/store.ts";
import { asPyroError, PyroError } from "../model/errors.ts";
import { cpuLevels, machineSize } from "../model/machine-options.ts";
import type {
  EnvironmentDetail,
  EnvironmentInfo,
  EnvironmentList,
  PruneResult,
  PullResult,
} from "../model/results.ts";
import { clonesDirectory } from "../platform/directories.ts";
import { removeAbandoned } from "../platform/files.ts";
import { isLockFile } from "../platform/lock.ts";
import { adoptWorkspaces } from "./adopt-workspaces.ts";
import { discard } from "./attach-agent.ts";
import { checkEnvironmentName, ensureEnvironment } from "./ensure-environment.ts";
import type { Host, WorkOptions } from "./host.ts";
import { startMachine, unnamedDisk } from "./start-machine.ts";
import type { WorkspaceContext } from "./workspace-context.ts";

/** The catalog and whatever else is installed. */
export async function listEnvironments(host: Host): Promise<EnvironmentList> {
  const installed = await host.images.list();
  const others = installed.filter((image) => findCatalogEntry(image.environment) === undefined);
  const names = [
    ...catalog.map((entry) => entry.name),
    ...others.map((image) => image.environment),
  ];
  const environments = await Promise.all(
    names.map((name) =>
      describeEnvironment(
        host,
        name,
        installed.find((image) => image.environment === name),
      ),
    ),
  );
  return { environments };
}

export interface PullOptions extends WorkOptions {
  /** Also saves a template of the default size, so that the first run is quick. Default true. */
  readonly template?: boolean | undefined;
}

/** Installs an environment, also where the installed one is outdated; a second pull is a no-op. */
export async function pullEnvironment(
  host: Host,
  environment: string,
  options: PullOptions = {},
): Promise<PullResult> {
  host.prepareDirectories();
  const { image, alreadyInstalled } = await ensureEnvironment(host, environment, {
    ...options,
    renew: true,
  });
  if (options.template ?? true) await warmUp(host, image, options);
  return { ...(await describeEnvironment(host, environment, image)), alreadyInstalled };
}

/** Starts one machine of the default size and drops it: what stays is its template. */
async function warmUp(host: Host, image: InstalledImage, options: WorkOptions): Promise<void> {
  options.onProgress?.({ step: "saving a template" });
  const factory = await host.machineFactory(options);
  const disk = unnamedDisk(host.config.stateDirectory);
  const request = {
    ...machineSize({}, host.memMib),
    cpu: cpuFor(image, undefined),
    image,
    disk,
    hostname: "template",
    lifetime: "caller",
    signal: options.signal,
  } as const;
  await discard(await startMachine(factory, request));
}

export async function inspectEnvironment(
  host: Host,
  environment: string,
): Promise<EnvironmentDetail> {
  checkEnvironmentName(environment);
  const image = await host.images.find(environment);
  const entry = findCatalogEntry(environment);
  if (image === undefined && entry === undefined) {
    throw new PyroError("environment_not_installed", `${environment} is not installed.`, {
      hint: `Install it: pyro env pull ${environment}`,
    });
  }
  return {
    ...(await describeEnvironment(host, environment, image)),
    entryCount: image?.entryCount ?? null,
    usedBytes: image?.usedBytes ?? null,
    cpu: image ? cpuFor(image, undefined) : null,
    env: [...(image?.config.env ?? [])],
    workingDirectory: image?.config.workingDirectory ?? null,
    user: image?.config.user ?? null,
    entrypoint: image?.config.entrypoint ? [...image.config.entrypoint] : null,
    defaultCommand: image?.config.command ? [...image.config.command] : null,
    packages: [...(entry?.packages ?? [])],
  };
}

async function describeEnvironment(
  host: Host,
  environment: string,
  image: InstalledImage | undefined,
): Promise<EnvironmentInfo> {
  const entry = findCatalogEntry(environment);
  return {
    environment,
    summary: entry?.summary ?? null,
    installed: image !== undefined,
    outdated: image !== undefined && isOutdated(image),
    source: image ? describeSource(image.source) : `debian ${entry?.suite}`,
    imageId: image?.id ?? null,
    createdAt: image?.createdAt ?? null,
    diskBytes: image ? await host.images.diskUsageBytes(image) : null,
  };
}

function describeSource(source: ImageSource): string {
  return source.kind === "debian"
    ? `debian ${source.suite}`
    : `${source.reference}@${source.manifestDigest}`;
}

export interface PruneOptions {
  /** Also removes every installed environment. Default false. */
  readonly all?: boolean | undefined;
}

/** Removes what nothing uses: images without a name or a workspace, stale templates, downloaded layers, clones of killed servers. */
export async function pruneEnvironments(
  context: WorkspaceContext,
  { all }: PruneOptions = {},
): Promise<PruneResult> {
  const { host } = context;
  host.prepareDirectories();
  // One that no registry knows at the moment needs its image as well.
  await adoptWorkspaces(context);
  const used = usedImages(context);
  const { cacheDirectory } = host.config;
  const before = await diskUsageBytes(cacheDirectory);
  if (all)
    for (const image of await host.images.list()) await host.images.remove(image.environment);
  await removeAbandoned(clonesDirectory(cacheDirectory));
  const removedImages = await host.images.sweep(used);
  const removedTemplateCount = await sweepTemplates(host, used);
  // Layers are needed until their image is built, and nobody knows here which install needs which.
  const removedBlobCount = (await host.images.isInstalling())
    ? 0
    : await removeBlobs(join(cacheDirectory, "blobs", "sha256"));
  return {
    removedImageCount: removedImages.length,
    removedTemplateCount,
    removedBlobCount,
    freedBytes: Math.max(0, before - (await diskUsageBytes(cacheDirectory))),
  };
}

/** Removes templates of other kernels, images or monitors than there are now. Where no monitor works at the moment, nobody knows of which. */
export async function sweepTemplates(host: Host, used: ReadonlySet<string>): Promise<number> {
  const kept = new Set([...(await host.images.list()).map((image) => image.id), ...used]);
  const boot = await host.installedBootFiles().catch(() => undefined);
  const { driver } = await host
    .isolatingDriver(boot)
    .catch((error: unknown) => ({ driver: undefined, error: asPyroError(error) }));
  const fingerprints = driver && cpuLevels.map((cpu) => driver.fingerprintOf(cpu));
  return host.templates.sweep(
    (parts) =>
      kept.has(parts.imageId) &&
      parts.bootDigest === boot?.digest &&
      (fingerprints === undefined || fingerprints.includes(parts.driverFingerprint)),
  );
}

/** The images that workspaces need. */
export function usedImages({ records }: WorkspaceContext): Set<string> {
  return new Set(records.workspaces.list().flatMap(({ imageId }) => imageId ?? []));
}

async function removeBlobs(directory: string): Promise<number> {
  const names = (await readdir(directory).catch(() => [])).filter((name) => !isLockFile(name));
  for (const name of names) await rm(join(directory, name), { force: true });
  return names.length;
}

async function diskUsageBytes(directory: string): Promise<number> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true }).catch(
    () => [],
  );
  const sizes = await Promise.all(
    entries
      .filter((entry) => entry.isFile())
      .map(
        async (entry) =>
          ((await stat(join(entry.parentPath, entry.name)).catch(() => undefined))?.blocks ?? 0) *
          512,
      ),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}
