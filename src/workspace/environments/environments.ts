import { catalog, findCatalogEntry, isOutdated } from "../../environments/catalog.ts";
import { checkEnvironmentName } from "../../environments/environment-name.ts";
import { cpuFor, type ImageSource, type InstalledImage } from "../../environments/store.ts";
import { PyroError } from "../../model/errors.ts";
import { machineSize } from "../../model/machine-options.ts";
import type {
  EnvironmentDetail,
  EnvironmentInfo,
  EnvironmentList,
  PullResult,
} from "../../model/results.ts";
import { discard } from "../machines/attach-agent.ts";
import type { Host, WorkOptions } from "../machines/host.ts";
import { startMachine } from "../machines/start-machine.ts";
import { unnamedDisk } from "../machines/start-request.ts";
import { ensureEnvironment } from "./ensure-environment.ts";

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
    // It is the template that is wanted.
    mayClaim: false,
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
