import { join } from "node:path";
import {
  type SettingsPlace,
  settingsIn,
  settingsText,
  unquoted,
  variable,
  withVariables,
} from "./settings.ts";

/** The registries that npm's, pnpm's and Yarn's settings name, for all packages or for a scope. */
export function javascriptRegistries(place: SettingsPlace): string[] {
  const files = [
    join(place.etc, "npmrc"),
    join(place.etc, "..", "usr", "local", "etc", "npmrc"),
    join(place.home, ".npmrc"),
    join(place.config, "pnpm", "rc"),
    variable(place, "NPM_CONFIG_USERCONFIG"),
    variable(place, "NPM_CONFIG_GLOBALCONFIG"),
  ];
  const named = files
    .flatMap((file) => settingsIn(settingsText(file)))
    .filter(({ key }) => key === "registry" || /^@[^:]+:registry$/.test(key))
    .map(({ value }) => value);
  const variables = ["NPM_CONFIG_REGISTRY", "YARN_REGISTRY", "YARN_NPM_REGISTRY_SERVER"];
  return [
    ...variables.map((name) => variable(place, name)),
    ...scopesOf(place),
    ...[...named, ...yarnRegistries(place)].map((text) => withVariables(text, place)),
  ];
}

/** `npm_config_@scope:registry`. */
function scopesOf({ environment }: SettingsPlace): string[] {
  return Object.entries(environment)
    .filter(([name]) => /^npm_config_@[^:]+:registry$/i.test(name))
    .map(([, value = ""]) => value);
}

/** Of the first Yarn's file and of today's, which is YAML: at whatever depth, as scopes have it. */
function yarnRegistries({ home }: SettingsPlace): string[] {
  const lines = [".yarnrc", ".yarnrc.yml"].flatMap((name) =>
    settingsText(join(home, name)).split(/\r?\n/),
  );
  return lines.flatMap((line) => {
    const classic = /^"?(?:@[^:\s]+:)?registry"?\s+(\S+)\s*$/.exec(line)?.[1];
    const modern = /^\s*"?npmRegistryServer"?\s*:\s*(\S+)\s*(?:#.*)?$/.exec(line)?.[1];
    return [classic, modern].filter((text) => text !== undefined).map(unquoted);
  });
}
