import { parse, TomlError } from "smol-toml";
import { type ProjectRules, projectFileName } from "../model/egress.ts";
import { asPyroError, PyroError } from "../model/errors.ts";
import { limits } from "../model/limits.ts";
import { nearest } from "../model/nearest.ts";
import { visibleText } from "../model/text.ts";
import { askedRule } from "./rule.ts";

// A stranger's file: it is bounded before it is parsed, what is not understood is refused, and all that it can do is to refuse.

/** What is parsed has two levels, and lists. */
const depthMax = 8;
/** A host with some ports; a longer one is no mistake that anybody needs explained in full. */
const targetCharactersMax = 400;

/** The rules in a project's file; null where it has none. Throws `project_file_refused`. */
export function parseProjectFile(content: Uint8Array): ProjectRules | null {
  const document = tableAt("", tomlOf(textOf(content)), ["network"]);
  if (document.network === undefined) return null;
  const network = tableAt("network", document.network, ["only", "deny"]);
  const only = network.only === undefined ? null : targetsAt("network.only", network.only);
  const deny = network.deny === undefined ? [] : targetsAt("network.deny", network.deny);
  return only === null && deny.length === 0 ? null : { only, deny };
}

/** What keeps the file from being followed, as an error. */
export function refusedFile(what: string, hint = "", cause?: unknown): PyroError {
  const wayOut = "It may only tighten, so it is never passed over: mend it, or seed without it.";
  return new PyroError(
    "project_file_refused",
    `The seeded tree's ${projectFileName} cannot be followed: ${what}.`,
    { hint: [hint, wayOut].filter((text) => text !== "").join(" "), cause },
  );
}

function textOf(content: Uint8Array): string {
  if (content.length > limits.projectFileBytesMax) throw tooLarge(content.length);
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(content);
  } catch (error) {
    throw refusedFile("it is not UTF-8", "", error);
  }
}

export function tooLarge(bytes: number): PyroError {
  return refusedFile(`it has ${bytes} bytes, and ${limits.projectFileBytesMax} are the limit`);
}

function tomlOf(text: string): unknown {
  try {
    return parse(text, { maxDepth: depthMax });
  } catch (error) {
    const [first = ""] = error instanceof Error ? error.message.split("\n") : [];
    const why = visibleText(first.replace(/^Invalid TOML document: /, ""), 120);
    const where =
      error instanceof TomlError
        ? `line ${error.line}, column ${error.column}: `
        : "it is no TOML: ";
    throw refusedFile(where + why, "", error);
  }
}

type Table = Readonly<Record<string, unknown>>;

/** The table at `key` ("" is the whole file), which may have `known` keys. One that is not known may be meant to tighten, too. */
function tableAt(key: string, value: unknown, known: readonly string[]): Table {
  if (!isTable(value)) throw refusedFile(`${key} is ${shown(value)}, not a table [${key}]`);
  const unknown = Object.keys(value).find((name) => !known.includes(name));
  if (unknown === undefined) return value;
  const name = visibleText(JSON.stringify(unknown), 60);
  const guess = nearest(unknown.slice(0, 60), known);
  const owner = key === "" ? "it has" : `${key} has`;
  throw refusedFile(
    `${owner} a key ${name}, and knows no other than ${known.map((one) => `"${one}"`).join(" and ")}`,
    guess === undefined ? "" : `Did you mean ${guess}?`,
  );
}

function isTable(value: unknown): value is Table {
  return (
    typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Date)
  );
}

/** Every target of a list in its one spelling, none twice. */
function targetsAt(key: string, value: unknown): string[] {
  if (!Array.isArray(value))
    throw refusedFile(`${key} is ${shown(value)}, not a list`, `Write it so: ${example(key)}`);
  if (value.length > limits.networkRulesMax)
    throw refusedFile(
      `${key} has ${value.length} entries, and ${limits.networkRulesMax} are the limit`,
    );
  return [...new Set(value.map((entry: unknown, at) => targetAt(key, entry, at)))];
}

function targetAt(key: string, entry: unknown, at: number): string {
  const where = `entry ${at + 1} of ${key}`;
  if (typeof entry !== "string")
    throw refusedFile(`${where} is ${shown(entry)}, not a text`, `Write it so: ${example(key)}`);
  if (entry.length > targetCharactersMax)
    throw refusedFile(
      `${where} has ${entry.length} characters, and ${targetCharactersMax} are the limit`,
    );
  if (/^\s*(allow|deny)\s/.test(entry))
    throw refusedFile(
      `${where} is ${shown(entry)}, but says what it does by the list it is in`,
      `Write it so: ${example(key)}`,
    );
  try {
    // What alone is reached is no wider than what may be allowed.
    const rule = askedRule(key === "network.only" ? "allow" : "deny", entry);
    return rule.text.replace(/^(allow|deny) /, "");
  } catch (error) {
    const { message, hint } = asPyroError(error);
    throw refusedFile(`${where}: ${message.replace(/\.$/, "")}`, hint, error);
  }
}

function example(key: string): string {
  const name = key.replace("network.", "");
  return `${name} = ["registries", "example.com:443"].`;
}

function shown(value: unknown): string {
  if (Array.isArray(value)) return "a list";
  if (isTable(value)) return "a table";
  return visibleText(
    value instanceof Date ? value.toISOString() : (JSON.stringify(value) ?? String(value)),
    60,
  );
}
