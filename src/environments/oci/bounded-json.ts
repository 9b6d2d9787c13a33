import { PyroError } from "../../model/errors.ts";
import { imageLimits } from "./limits.ts";
import { quoteForeign } from "./quote.ts";

/** A parsed JSON object of unknown content. */
export type JsonObject = Readonly<Record<string, unknown>>;

const quote = 0x22;
const backslash = 0x5c;
/** What each bracket does to the depth. */
const nesting: ReadonlyMap<number, number> = new Map([
  [0x5b, 1],
  [0x7b, 1],
  [0x5d, -1],
  [0x7d, -1],
]);

/** The JSON object in `bytes`; `what` names the document in errors. */
export function parseJsonObject(bytes: Uint8Array, what: string): JsonObject {
  if (exceedsDepth(bytes, imageLimits.jsonDepth))
    throw badDocument(what, `nests deeper than ${imageLimits.jsonDepth} levels`);
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (error) {
    const start = Buffer.from(bytes.subarray(0, 80)).toString("latin1");
    throw badDocument(what, `is not JSON; it starts with ${quoteForeign(start)}`, error);
  }
  if (!isObject(value)) throw badDocument(what, "is not a JSON object");
  return value;
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A document that breaks its specification; `how` continues the sentence. */
export function badDocument(what: string, how: string, cause?: unknown): PyroError {
  return new PyroError("registry_lied", `The ${what} ${how}.`, {
    hint: "The image or its registry is broken; try another tag, or ask whoever publishes it.",
    cause,
  });
}

// Counted on the bytes, before the parser runs: it has no depth limit of its own.
function exceedsDepth(bytes: Uint8Array, depthMax: number): boolean {
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
