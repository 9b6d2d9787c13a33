import { isObject } from "../../model/bounded-json.ts";
import { PyroError } from "../../model/errors.ts";
import { asDigest, type Digest } from "./digest.ts";
import { badDocument } from "./documents.ts";
import { quoteForeign } from "./quote.ts";

/** What a document says about a blob. */
export interface Descriptor {
  readonly mediaType: string;
  readonly digest: Digest;
  readonly sizeBytes: number;
}

/** Reads what `where` names. */
export function parseDescriptor(value: unknown, where: string): Descriptor {
  if (!isObject(value)) throw badDocument("manifest", `has no descriptor for ${where}`);
  const { mediaType, digest, size } = value;
  if (typeof mediaType !== "string")
    throw badDocument("manifest", `gives no media type for ${where}`);
  if (typeof size !== "number" || size < 0 || !(Number.isInteger(size) || size === Infinity))
    throw badDocument(
      "manifest",
      `gives ${where} the size ${quoteForeign(JSON.stringify(size) ?? "nothing")}`,
    );
  return { mediaType, digest: asDigest(digest, where), sizeBytes: size };
}

/** Refuses a blob that says it is over a limit. */
export function requireSize(descriptor: Descriptor, bytesMax: number, what: string): void {
  if (descriptor.sizeBytes > bytesMax)
    throw tooMuch(`has a ${what} of ${descriptor.sizeBytes} bytes`, `${bytesMax}`);
}

/** The error for an image above a limit. */
export function tooMuch(how: string, limit: string): PyroError {
  return new PyroError("image_limit_exceeded", `The image ${how}; pyro accepts ${limit}.`, {
    hint: "Use a smaller image, or rebuild it in fewer and smaller layers.",
  });
}
