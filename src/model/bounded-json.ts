import { visibleText } from "./text.ts";

/** A parsed JSON object of unknown content. */
export type JsonObject = Readonly<Record<string, unknown>>;

/** Makes the error for a document; `how` continues a sentence about it. */
export type RefuseDocument = (how: string, cause?: unknown) => Error;

/** Deeper than any document of ours, of an agent or of an image, shallow enough for every consumer's stack. */
const depthMax = 32;

const quote = 0x22;
const backslash = 0x5c;
/** What each bracket does to the depth. */
const nesting: ReadonlyMap<number, number> = new Map([
  [0x5b, 1],
  [0x7b, 1],
  [0x5d, -1],
  [0x7d, -1],
]);

/** The JSON object in a stranger's document: bounded depth, strict UTF-8, no prototype tricks. */
export function parseJsonObject(bytes: Uint8Array, refuse: RefuseDocument): JsonObject {
  if (exceedsDepth(bytes)) throw refuse(`nests deeper than ${depthMax} levels`);
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes), withoutPrototype);
  } catch (error) {
    const start = Buffer.from(bytes.subarray(0, 80)).toString("latin1");
    throw refuse(`is not JSON; it starts with "${visibleText(start)}"`, error);
  }
  if (!isObject(value)) throw refuse("is not a JSON object");
  return value;
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

// Counted on the bytes, before the parser runs: it has no depth limit of its own. Brackets within strings nest nothing.
function exceedsDepth(bytes: Uint8Array): boolean {
  let depth = 0;
  let inString = false;
  for (let index = 0; index < bytes.length && depth <= depthMax; index++) {
    const byte = bytes[index] ?? 0;
    if (byte === quote) inString = !inString;
    else if (!inString) depth += nesting.get(byte) ?? 0;
    else if (byte === backslash) index++;
  }
  return depth > depthMax;
}

function withoutPrototype(key: string, value: unknown): unknown {
  return key === "__proto__" ? undefined : value;
}
