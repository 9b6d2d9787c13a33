import { catalog, findCatalogEntry, isOutdated } from "../environments/catalog.ts";
import { isImageReference, parseReference } from "../environments/oci/reference.ts";
import type { InstalledImage } from "../environments/store.ts";
import { PyroError } from "../model/errors.ts";
import { nearest } from "../model/nearest.ts";
import type { Host, WorkOptions } from "./host.ts";

/** `environment` if it names something that can be installed; else `environment_not_found` with the nearest name. */
export function checkEnvironmentName(environment: string): string {
  if (findCatalogEntry(environment) !== undefined) return environment;
  if (isImageReference(environment)) {
    parseReference(environment);
    return environment;
  }
  const names = catalog.map((entry) => entry.name);
  const guess = nearest(environment, names);
  throw new PyroError("environment_not_found", `There is no environment "${environment}".`, {
    hint: guess
      ? `Did you mean ${guess}? Known: ${names.join(", ")}, or any image reference with a "/", such as docker.io/library/python:3.12.`
      : `Known: ${names.join(", ")}, or any image reference with a "/", such as docker.io/library/python:3.12.`,
  });
}

export interface EnsureOptions extends WorkOptions {
  /** Builds one anew that the catalog builds otherwise by now, which needs the network. Default false. */
  readonly renew?: boolean;
}

/** The installed image of `environment`, installing it first when it is missing. */
export async function ensureEnvironment(
  host: Host,
  environment: string,
  options: EnsureOptions = {},
): Promise<{ image: InstalledImage; alreadyInstalled: boolean }> {
  checkEnvironmentName(environment);
  const found = await host.images.find(environment);
  if (found && !(options.renew && isOutdated(found)))
    return { image: found, alreadyInstalled: true };
  // The installers are loaded only by those who install.
  const { installEnvironment } = await import("./install-environment.ts");
  return installEnvironment(host, environment, options);
}
