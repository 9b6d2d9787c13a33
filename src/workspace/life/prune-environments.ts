import { readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { sweepBootFiles } from "../../environments/boot/sweep-boot-files.ts";
import { asPyroError } from "../../model/errors.ts";
import { cpuLevels } from "../../model/machine-options.ts";
import type { PruneResult } from "../../model/results.ts";
import { clonesDirectory } from "../../platform/directories.ts";
import { removeAbandoned } from "../../platform/files.ts";
import { isLockFile } from "../../platform/lock.ts";
import type { Host } from "../machines/host.ts";
import { adoptWorkspaces } from "./adopt-workspaces.ts";
import type { WorkspaceContext } from "./workspace-context.ts";

export interface PruneOptions {
  /** Also removes every installed environment. Default false. */
  readonly all?: boolean | undefined;
}

/** Removes what nothing uses: images without a name or a workspace, stale templates, kernels with other modules, downloaded layers, clones of killed servers. */
export async function pruneEnvironments(
  context: WorkspaceContext,
  { all }: PruneOptions = {},
): Promise<PruneResult> {
  const { host } = context;
  host.prepareDirectories();
  // One that no registry knows at the moment needs its image as well.
  await adoptWorkspaces(context, "workspace");
  await adoptWorkspaces(context, "vm");
  const used = usedImages(context);
  const { cacheDirectory } = host.config;
  const before = await diskUsageBytes(cacheDirectory);
  if (all)
    for (const image of await host.images.list()) await host.images.remove(image.environment);
  await removeAbandoned(clonesDirectory(cacheDirectory));
  const removedImages = await host.images.sweep(used);
  const removedTemplateCount = await sweepTemplates(host, used);
  await sweepBootFiles(host.config);
  // Those whose image or template has gone just now.
  await host.standbys.sweep();
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

/** The images that workspaces and VMs need. */
export function usedImages({ records: { workspaces } }: WorkspaceContext): Set<string> {
  const rows = [...workspaces.list("workspace"), ...workspaces.list("vm")];
  return new Set(rows.flatMap(({ imageId }) => imageId ?? []));
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
