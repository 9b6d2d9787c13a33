import { type JsonObject, parseJsonObject } from "../../model/bounded-json.ts";
import { PyroError } from "../../model/errors.ts";

/** The JSON object in `bytes`; `what` names the document in errors. */
export function parseDocument(bytes: Uint8Array, what: string): JsonObject {
  return parseJsonObject(bytes, (how, cause) => badDocument(what, how, cause));
}

/** A document that breaks its specification; `how` continues the sentence. */
export function badDocument(what: string, how: string, cause?: unknown): PyroError {
  return new PyroError("registry_lied", `The ${what} ${how}.`, {
    hint: "The image or its registry is broken; try another tag, or ask whoever publishes it.",
    cause,
  });
}
