import { readFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { Config } from "../../platform/config.ts";
import { readJsonFile, writeFileAtomically } from "../../platform/files.ts";
import type { Standbys } from "../machines/standbys.ts";

/** What `pyro standby on` was told, until `off`. */
export interface StandbySettings {
  /** Which environment's machines are kept; null: that of whatever was last asked for. */
  readonly environment: string | null;
  readonly count: number;
  readonly idleSeconds: number;
}

export const defaultSettings: StandbySettings = { environment: null, count: 1, idleSeconds: 900 };

/** Undefined when it is off. */
export async function readSettings(standbys: Standbys): Promise<StandbySettings | undefined> {
  return (await readJsonFile(settingsPath(standbys))) as StandbySettings | undefined;
}

/** The same for whoever is about to end. */
export function readSettingsSync(standbys: Standbys): StandbySettings | undefined {
  try {
    return JSON.parse(readFileSync(settingsPath(standbys), "utf8")) as StandbySettings;
  } catch {
    return undefined;
  }
}

/** What the user wants, by `pyro standby on` or by his environment; undefined when that is nothing. */
export function wishOfUser(
  { standby }: Pick<Config, "standby">,
  standbys: Standbys,
): (StandbySettings & { readonly followsSettings: boolean }) | undefined {
  if (standby === "off") return undefined;
  // Whether it holds only as long as `pyro standby on` does.
  const followsSettings = standby !== "on";
  const settings = readSettingsSync(standbys) ?? (followsSettings ? undefined : defaultSettings);
  return settings && { ...settings, followsSettings };
}

export async function writeSettings(standbys: Standbys, settings: StandbySettings): Promise<void> {
  await writeFileAtomically(settingsPath(standbys), JSON.stringify(settings));
}

export async function forgetSettings(standbys: Standbys): Promise<void> {
  await rm(settingsPath(standbys), { force: true });
}

function settingsPath({ root }: Standbys): string {
  return join(root, "settings.json");
}
