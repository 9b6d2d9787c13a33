import { z } from "zod";
import { declarations } from "../../model/declarations.ts";
import { toWire, toWireObject } from "../../model/wire.ts";
import type { RecordAnswer, RecordTool } from "../tool.ts";

/** Of the JSON text; a record is what a model reads whole. */
const recordCharactersMax = 12_000;
const stringCharactersMax = 4_000;
const arrayEntriesMax = 200;

/** What every record may have beside the fields of its result. */
const common = {
  omitted: z
    .record(z.string(), z.number())
    .optional()
    .describe("By list: how many entries are not shown."),
  next: z.string().optional(),
};

/** The declaration of what a tool's records are on the wire. */
export function outputSchema({ result, extra }: Pick<RecordTool, "result" | "extra">): z.ZodObject {
  return toWireObject(declarations[result]).extend({ ...extra, ...common });
}

/** The record as it is told: declared names, and lists that are too long for a model cut with their count. */
export function recordOf(
  result: RecordTool["result"],
  { value, extra, next }: RecordAnswer,
): Record<string, unknown> {
  const wire = {
    ...(toWire(declarations[result], value) as Record<string, unknown>),
    ...extra,
  };
  for (let entriesMax = arrayEntriesMax; ; entriesMax = Math.floor(entriesMax / 2)) {
    const record = shorten(wire, entriesMax, next);
    if (entriesMax < 2 || JSON.stringify(record).length <= recordCharactersMax) return record;
  }
}

function shorten(
  wire: Record<string, unknown>,
  entriesMax: number,
  next: string | undefined,
): Record<string, unknown> {
  const omitted: Record<string, number> = {};
  const record = cut(wire, "", { entriesMax, omitted }) as Record<string, unknown>;
  return {
    ...record,
    ...(Object.keys(omitted).length > 0 && { omitted }),
    ...(next !== undefined && { next }),
  };
}

interface Cutting {
  readonly entriesMax: number;
  readonly omitted: Record<string, number>;
}

function cut(value: unknown, path: string, cutting: Cutting): unknown {
  if (typeof value === "string")
    return value.length > stringCharactersMax ? `${value.slice(0, stringCharactersMax)}…` : value;
  if (Array.isArray(value)) {
    const { entriesMax, omitted } = cutting;
    const missing = value.length - entriesMax;
    if (missing > 0) omitted[path] = (omitted[path] ?? 0) + missing;
    return value.slice(0, entriesMax).map((entry) => cut(entry, path, cutting));
  }
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, field]) => [
      name,
      cut(field, path === "" ? name : `${path}.${name}`, cutting),
    ]),
  );
}
