import { homedir } from "node:os";
import { isAbsolute, join } from "node:path";
import { limits } from "../../model/limits.ts";
import { userEnvironment } from "../../platform/config.ts";
import { hostName, isLocalName } from "../rule.ts";
import { aptArchives } from "./apt.ts";
import { cargoRegistries, goProxies, mavenRepositories } from "./compiled.ts";
import { javascriptRegistries } from "./javascript.ts";
import { pythonIndexes } from "./python.ts";
import type { SettingsPlace } from "./settings.ts";

const readers = [
  pythonIndexes,
  javascriptRegistries,
  cargoRegistries,
  goProxies,
  aptArchives,
  mavenRepositories,
];

/** Of the ways in which clients reach a registry. */
const defaultPorts: Readonly<Record<string, number>> = {
  "http:": 80,
  "https:": 443,
  "ssh:": 22,
};

/**
 * HOST:PORT of each index that this machine's package managers are set to, without what they use when nothing is set. Only what the
 * machine and its user say counts: the settings of a project are the project's. Nothing else of a URL leaves this function, as there
 * may be credentials in it.
 */
export function ownRegistries(place: Partial<SettingsPlace> = {}): string[] {
  const environment = place.environment ?? userEnvironment();
  const home = place.home ?? (environment.HOME || homedir());
  const configHome = environment.XDG_CONFIG_HOME ?? "";
  const config = place.config ?? (isAbsolute(configHome) ? configHome : join(home, ".config"));
  const whole = { environment, home, config, etc: place.etc ?? "/etc" };
  const found = readers.flatMap((read) => read(whole)).map(endpointOf);
  const known = new Set(found.filter((endpoint) => endpoint !== undefined));
  return [...known].sort().slice(0, limits.ownRegistriesMax);
}

/** HOST:PORT of a URL; undefined for what is none, and for an address, which only a rule about it opens. */
function endpointOf(text: string): string | undefined {
  // Cargo's sparse+https: and apt's mirror+http: say how, not where.
  const bare = text.trim().replace(/^[a-z]+\+(?=[a-z]+:)/, "");
  const url = URL.canParse(bare) ? new URL(bare) : undefined;
  const port = Number(url?.port) || defaultPorts[url?.protocol ?? ""];
  const host = url === undefined ? undefined : hostName(url.hostname);
  if (host === undefined || port === undefined || isLocalName(host)) return undefined;
  return `${host}:${port}`;
}
