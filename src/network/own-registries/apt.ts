import { join } from "node:path";
import {
  type Setting,
  type SettingsPlace,
  settingsIn,
  settingsText,
  settingsTexts,
} from "./settings.ts";

/** The archives that apt's sources name, in the format of one line each and in that of paragraphs. */
export function aptArchives({ etc }: SettingsPlace): string[] {
  const directory = join(etc, "apt", "sources.list.d");
  const lists = [
    settingsText(join(etc, "apt", "sources.list")),
    ...settingsTexts(directory, ".list"),
  ];
  return [
    ...lists.flatMap((text) => text.split(/\r?\n/)).map(archiveOfLine),
    ...settingsTexts(directory, ".sources").flatMap(archivesOfParagraphs),
  ];
}

function archiveOfLine(line: string): string {
  return /^\s*deb(?:-src)?\s+(?:\[[^\]]*\]\s+)?(\S+)/.exec(line)?.[1] ?? "";
}

function archivesOfParagraphs(text: string): string[] {
  const paragraphs: Setting[][] = [[]];
  for (const setting of settingsIn(text)) {
    if (setting.key === "") paragraphs.push([]);
    else paragraphs.at(-1)?.push(setting);
  }
  return paragraphs
    .filter((settings) => fieldOf(settings, "enabled").toLowerCase() !== "no")
    .flatMap((settings) => fieldOf(settings, "uris").split(/\s+/));
}

function fieldOf(settings: readonly Setting[], name: string): string {
  return settings.find(({ key }) => key.toLowerCase() === name)?.value ?? "";
}
