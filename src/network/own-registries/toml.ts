import { parse } from "smol-toml";
import { settingsText } from "./settings.ts";

type Fields = Readonly<Record<string, unknown>>;

/** What a file of TOML holds; nothing where it is damaged or absent. */
export function tomlIn(path: string): Fields {
  try {
    return parse(settingsText(path));
  } catch {
    return {};
  }
}

export function fieldsOf(value: unknown): Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? { ...value } : {};
}

/** The tables of an array of tables, or of a table of tables. */
export function tablesOf(value: unknown): Fields[] {
  return Object.values(typeof value === "object" && value !== null ? value : {}).map(fieldsOf);
}

/** A text, or those of a list. */
export function textsOf(value: unknown): string[] {
  const values: unknown[] = Array.isArray(value) ? value : [value];
  return values.filter((one) => typeof one === "string");
}
