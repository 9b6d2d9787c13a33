import { z } from "zod";
import { PyroError } from "../model/errors.ts";
import { nearest } from "../model/nearest.ts";
import { visibleText } from "../model/text.ts";
import type { Tool } from "./tool.ts";

const issuesMax = 3;

type JsonSchema = Record<string, unknown>;

/**
 * The input of a tool as clients are told of it. Ranges and defaults stand in the descriptions, which every client shows its
 * model; as keywords, most drop them.
 */
export function inputDocument(tool: Tool): JsonSchema {
  const document = z.toJSONSchema(tool.input, { target: "draft-2020-12", io: "input" });
  return slim(document as JsonSchema, saidInWords) as JsonSchema;
}

/** The output of a tool as clients are told of it. */
export function outputDocument(schema: z.ZodType): JsonSchema {
  const document = z.toJSONSchema(schema, { target: "draft-2020-12", io: "output" });
  return slim(document as JsonSchema, noise) as JsonSchema;
}

/** Says nothing that the types do not say. */
const noise = new Set(["$schema", "minimum", "maximum", "propertyNames"]);

const saidInWords = new Set([
  ...noise,
  "additionalProperties",
  "exclusiveMinimum",
  "minLength",
  "maxLength",
  "minItems",
  "maxItems",
  "pattern",
  "default",
]);

/** A schema without the keywords in `unwanted`; names of properties are left alone. */
function slim(value: unknown, unwanted: ReadonlySet<string>, isNames = false): unknown {
  if (Array.isArray(value)) return value.map((entry) => slim(entry, unwanted));
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value)
    .filter(([key, field]) => isNames || !unwanted.has(key) || isValueSchema(key, field))
    .map(([key, field]) => [key, slim(field, unwanted, key === "properties" && !isNames)]);
  return Object.fromEntries(entries);
}

/** `additionalProperties` of a map from names to values says what the values are. */
function isValueSchema(key: string, field: unknown): boolean {
  return key === "additionalProperties" && typeof field === "object";
}

/** The arguments of a call, checked; throws `invalid_argument` that says what each wrong one must be. */
export function parseInput<T extends Tool>(tool: T, given: unknown): z.infer<T["input"]> {
  const parsed = tool.input.strict().safeParse(asMeant(tool, given));
  if (parsed.success) return parsed.data as z.infer<T["input"]>;
  const { issues } = parsed.error;
  const names = Object.keys(tool.input.shape);
  const said = issues.slice(0, issuesMax).map((issue) => describe(issue, { names, given }));
  throw new PyroError("invalid_argument", `${tool.name}: ${said.join("; ")}`, {
    hint: `Call ${tool.name} again with: ${names.join(", ")}.`,
  });
}

/** Clients and models write null for what they leave out, and numbers, lists and maps as text that is JSON. */
function asMeant(tool: Tool, given: unknown): unknown {
  const input = typeof given === "string" ? (fromJsonText(given) ?? given) : (given ?? {});
  if (typeof input !== "object" || input === null || Array.isArray(input)) return input;
  const entries = Object.entries(input).filter((entry) => entry[1] !== null);
  return Object.fromEntries(
    entries.map(([name, value]) => [name, valueAsMeant(tool.input.shape[name], value)]),
  );
}

/** Text stays text where that is an answer too, unless it is a list: no path, name or shell line looks like one. */
function valueAsMeant(schema: z.ZodType | undefined, value: unknown): unknown {
  if (schema === undefined || typeof value !== "string") return value;
  const meant = fromJsonText(value);
  if (meant === undefined || !schema.safeParse(meant).success) return value;
  return Array.isArray(meant) || !schema.safeParse(value).success ? meant : value;
}

function fromJsonText(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

interface Complaint {
  readonly names: readonly string[];
  readonly given: unknown;
}

function describe(issue: z.core.$ZodIssue, { names, given }: Complaint): string {
  if (issue.code === "unrecognized_keys") {
    const [key = ""] = issue.keys;
    const guess = nearest(key, names);
    const meant = guess === undefined ? "" : `, did you mean ${guess}?`;
    return `there is no argument ${quoted(key)}${meant}`;
  }
  const place = issue.path.join(".") || "input";
  const value = issue.path.reduce<unknown>(
    (at, key) => (at as Record<PropertyKey, unknown> | undefined)?.[key],
    given,
  );
  if (value === undefined || value === null) return `${place} is missing`;
  if (issue.code === "invalid_type" && issue.expected in expectedForms)
    return `${place} must be ${expectedForms[issue.expected]}, but is ${quoted(value)}`;
  const message = issue.message.replace(/^Invalid input: /, "");
  return `${place}: ${visibleText(message, 160)}`;
}

/** What a value of each type looks like. */
const expectedForms: Readonly<Record<string, string>> = {
  number: "a number, such as 30",
  int: "a whole number, such as 30",
  boolean: "true or false",
  string: 'text, such as "src/main.py"',
  array: 'a list, such as ["git", "status"]',
  record: 'a map, such as {"name": "value"}',
  object: 'a map, such as {"name": "value"}',
};

function quoted(value: unknown): string {
  return visibleText(JSON.stringify(value) ?? "", 60);
}
