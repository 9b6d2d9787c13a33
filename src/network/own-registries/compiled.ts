import { join } from "node:path";
import { type SettingsPlace, settingsIn, settingsText, variable } from "./settings.ts";
import { fieldsOf, tablesOf, textsOf, tomlIn } from "./toml.ts";

/** The registries and replaced sources of Cargo's settings. */
export function cargoRegistries(place: SettingsPlace): string[] {
  const cargoHome = variable(place, "CARGO_HOME") || join(place.home, ".cargo");
  const inFiles = ["config.toml", "config"]
    .map((name) => tomlIn(join(cargoHome, name)))
    .flatMap(({ registries, registry, source }) => [
      ...[fieldsOf(registry), ...tablesOf(registries)].flatMap(({ index }) => textsOf(index)),
      ...tablesOf(source).flatMap((one) => [...textsOf(one.registry), ...textsOf(one.git)]),
    ]);
  const inVariables = Object.entries(place.environment)
    .filter(([name]) => /^CARGO_REGISTRIES_\w+_INDEX$/.test(name))
    .map(([, value = ""]) => value);
  return [...inVariables, ...inFiles];
}

/** The module proxies that Go's settings name; `direct` and `off` are none. */
export function goProxies(place: SettingsPlace): string[] {
  const file = variable(place, "GOENV") || join(place.config, "go", "env");
  const settings = settingsIn(settingsText(file));
  const last = settings.findLast(({ key }) => key === "GOPROXY")?.value ?? "";
  return (variable(place, "GOPROXY") || last).split(/[,|]/);
}

/** The mirrors and repositories of Maven's settings, where nothing else has such an element. */
export function mavenRepositories({ home }: SettingsPlace): string[] {
  const [first = "", ...rest] = settingsText(join(home, ".m2", "settings.xml")).split("<!--");
  const text = [first, ...rest.map((part) => part.split("-->").slice(1).join("-->"))].join("");
  const parts = text.split("<url>").slice(1);
  return parts.map((part) => part.slice(0, Math.max(0, part.indexOf("</url>"))).trim());
}
