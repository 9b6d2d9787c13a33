import { join } from "node:path";
import { type SettingsPlace, settingsIn, settingsText, variable } from "./settings.ts";
import { fieldsOf, tablesOf, textsOf, tomlIn } from "./toml.ts";

/** The indexes that pip's and uv's settings name. */
export function pythonIndexes(place: SettingsPlace): string[] {
  return [...pipIndexes(place), ...uvIndexes(place)];
}

function pipIndexes(place: SettingsPlace): string[] {
  const files = [
    join(place.etc, "pip.conf"),
    join(place.etc, "xdg", "pip", "pip.conf"),
    join(place.home, ".pip", "pip.conf"),
    join(place.config, "pip", "pip.conf"),
    variable(place, "PIP_CONFIG_FILE"),
  ];
  const settings = files.flatMap((file) => settingsIn(settingsText(file)));
  const named = settings.filter(({ key }) => /^(extra[-_])?index[-_]url$/.test(key));
  return [
    variable(place, "PIP_INDEX_URL"),
    variable(place, "PIP_EXTRA_INDEX_URL"),
    ...named.map(({ value }) => value),
  ].flatMap(words);
}

function uvIndexes(place: SettingsPlace): string[] {
  const files = [
    join(place.etc, "uv", "uv.toml"),
    join(place.etc, "xdg", "uv", "uv.toml"),
    join(place.config, "uv", "uv.toml"),
    variable(place, "UV_CONFIG_FILE"),
  ];
  const inFiles = files
    .map(tomlIn)
    .flatMap((settings) =>
      [settings, fieldsOf(settings.pip)].flatMap((table) => [
        ...textsOf(table["index-url"]),
        ...textsOf(table["extra-index-url"]),
        ...tablesOf(table.index).flatMap(({ url }) => textsOf(url)),
      ]),
    );
  const variables = ["UV_DEFAULT_INDEX", "UV_INDEX", "UV_INDEX_URL", "UV_EXTRA_INDEX_URL"];
  // An index may be named: corp=https://….
  const inVariables = variables
    .flatMap((name) => words(variable(place, name)))
    .map((text) => text.replace(/^[\w.-]+=/, ""));
  return [...inVariables, ...inFiles];
}

function words(text: string): string[] {
  return text.split(/\s+/);
}
