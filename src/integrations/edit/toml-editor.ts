import { isDeepStrictEqual } from "node:util";
import { parse, TomlError } from "smol-toml";
import { type Editor, lineBreakOf, meansTheSame, SyntaxTrouble, valueAt } from "./editor.ts";
import { type Statement, tomlStatements } from "./toml-statements.ts";

/** TOML in which the entry is a table of its own. */
export const tomlEditor: Editor = {
  parse: readToml,
  write: (text, keyPath, entry) => {
    const hasTable = tomlStatements(text).some(
      ({ kind, path }) => kind === "table" && isDeepStrictEqual(path, keyPath),
    );
    return hasTable
      ? matchFields(text, keyPath, entry)
      : appendTable(tomlEditor.remove(text, keyPath), keyPath, entry);
  },
  remove: (text, keyPath) => {
    let result = text;
    for (;;) {
      const range = lastRange(result, keyPath);
      if (range === undefined) return result;
      result = withoutRange(result, range);
    }
  },
};

type Entry = Readonly<Record<string, unknown>>;

interface Range {
  readonly start: number;
  /** After the line break. */
  readonly end: number;
}

function readToml(text: string): Record<string, unknown> {
  try {
    return parse(text, { integersAsBigInt: "asNeeded" });
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const [what = ""] = error.message.split("\n");
    throw new SyntaxTrouble(what.replace(/^Invalid TOML document: /, ""), error.line);
  }
}

/** A new table after everything else, with an empty line before it. */
function appendTable(text: string, keyPath: readonly string[], entry: Entry): string {
  const lineBreak = lineBreakOf(text);
  const lines = [
    `[${keyPath.map(keyText).join(".")}]`,
    ...Object.entries(entry).map(([key, value]) => `${keyText(key)} = ${tomlText(value)}`),
  ];
  const table = lines.join(lineBreak);
  if (text === "") return table + lineBreak;
  return text.endsWith("\n")
    ? text + lineBreak + table + lineBreak
    : text + lineBreak + lineBreak + table;
}

/** The last run of statements that say something about the entry. */
function lastRange(text: string, keyPath: readonly string[]): Range | undefined {
  const statements = tomlStatements(text);
  const isOurs = (one: Statement | undefined) => one !== undefined && begins(one.path, keyPath);
  const last = statements.findLastIndex(isOurs);
  const end = statements[last];
  if (end === undefined) return undefined;
  let first = last;
  while (isOurs(statements[first - 1])) first -= 1;
  return { start: lineStart(text, statements[first]?.start ?? 0), end: end.lineEnd };
}

/** What `appendTable` put before a table goes with it. */
function withoutRange(text: string, { start, end }: Range): string {
  const before = text.slice(0, start);
  const rest = text.slice(end);
  const isTable = /^[ \t]*\[/.test(text.slice(start));
  if (!isTable) return before + rest;
  const isUnended = rest === "" && !text.endsWith("\n");
  const separator = isUnended ? /(\r?\n){0,2}$/ : /(?<=\n)\r?\n$/;
  return before.replace(separator, "") + rest;
}

function matchFields(text: string, keyPath: readonly string[], entry: Entry): string {
  const old = (valueAt(readToml(text), keyPath) ?? {}) as Entry;
  let result = text;
  for (const key of Object.keys(old))
    if (!(key in entry)) result = tomlEditor.remove(result, [...keyPath, key]);
  for (const [key, value] of Object.entries(entry))
    if (!meansTheSame(old[key], value)) result = writeField(result, [...keyPath, key], value);
  return result;
}

/** Replaces a value where it stands, or adds it after the others of its table. */
function writeField(text: string, path: readonly string[], value: unknown): string {
  const present = tomlStatements(text).find(
    (one) => one.kind === "value" && isDeepStrictEqual(one.path, path),
  );
  if (present !== undefined)
    return text.slice(0, present.valueStart) + tomlText(value) + text.slice(present.end);
  const without = tomlEditor.remove(text, path);
  const tablePath = path.slice(0, -1);
  const statements = tomlStatements(without);
  const header = statements.findIndex(
    (one) => one.kind === "table" && isDeepStrictEqual(one.path, tablePath),
  );
  let last = header;
  while (statements[last + 1]?.kind === "value") last += 1;
  const at = statements[last]?.lineEnd ?? without.length;
  const lineBreak = lineBreakOf(without);
  const line = `${keyText(path.at(-1) ?? "")} = ${tomlText(value)}`;
  const isEnded = without.slice(0, at).endsWith("\n");
  return without.slice(0, at) + (isEnded ? line + lineBreak : lineBreak + line) + without.slice(at);
}

function begins(path: readonly string[], start: readonly string[]): boolean {
  return isDeepStrictEqual(path.slice(0, start.length), start);
}

function lineStart(text: string, offset: number): number {
  return text.lastIndexOf("\n", offset - 1) + 1;
}

function keyText(key: string): string {
  return /^[A-Za-z0-9_-]+$/.test(key) ? key : stringText(key);
}

function stringText(text: string): string {
  return JSON.stringify(text).replaceAll("\u007f", "\\u007f");
}

function tomlText(value: unknown): string {
  if (typeof value === "string") return stringText(value);
  if (typeof value === "number" || typeof value === "boolean" || typeof value === "bigint")
    return String(value);
  if (value instanceof Date) return value.toISOString();
  if (Array.isArray(value)) return `[${value.map(tomlText).join(", ")}]`;
  const fields = Object.entries(value as Entry);
  if (fields.length === 0) return "{}";
  return `{ ${fields.map(([key, inner]) => `${keyText(key)} = ${tomlText(inner)}`).join(", ")} }`;
}
