import { isOutdated } from "../../environments/catalog.ts";
import { checkEnvironmentName } from "../../environments/environment-name.ts";
import type { InstalledImage } from "../../environments/store.ts";
import type { Host, WorkOptions } from "../machines/host.ts";

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
