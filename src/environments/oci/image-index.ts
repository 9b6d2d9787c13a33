import { isObject, type JsonObject } from "../../model/bounded-json.ts";
import { PyroError } from "../../model/errors.ts";
import { type Descriptor, parseDescriptor, requireSize, tooMuch } from "./descriptor.ts";
import { badDocument } from "./documents.ts";
import { imageLimits } from "./limits.ts";
import { indexMediaTypes, manifestMediaTypes } from "./media-types.ts";
import { guestPlatform, platformName } from "./platform.ts";
import { quoteForeign } from "./quote.ts";

export interface ImageIndex {
  readonly kind: "index";
  /** Manifests and indexes that may be or lead to the guest's image, the best first; at least one. */
  readonly candidates: readonly Descriptor[];
}

/** Reads an index; one that cannot have an image for the guest is `environment_not_found`. */
export function parseIndex(index: JsonObject): ImageIndex {
  const entries = index.manifests;
  if (!Array.isArray(entries)) throw badDocument("index", "has no list of manifests");
  if (entries.length > imageLimits.indexEntries)
    throw tooMuch(`lists ${entries.length} manifests`, `${imageLimits.indexEntries}`);
  const chosen = entries
    .map((entry: unknown) => ({ entry, rank: rankOf(entry) }))
    .filter(({ rank }) => rank < unusable)
    .sort((one, other) => one.rank - other.rank);
  if (chosen.length === 0) throw noVariant(entries);
  return { kind: "index", candidates: chosen.map(({ entry }) => parseCandidate(entry)) };
}

const unusable = 3;

/** How well an entry fits, 0 best. The guest's processor has all that v2 asks for, and not more. */
function rankOf(entry: unknown): number {
  if (!isObject(entry)) return unusable;
  const platform = platformName(entry.platform);
  if (platform === guestPlatform) return 0;
  if (platform === `${guestPlatform}/v2`) return 1;
  return isUnnamed(entry) && !isAttachment(entry) ? 2 : unusable;
}

/** Named `unknown/unknown` is something else: builders mark so what is no image. */
function isUnnamed({ platform }: JsonObject): boolean {
  return platform === undefined || platform === null;
}

/** Signatures, attestations and lists of contents lie beside the image they are about. */
function isAttachment({ artifactType, annotations }: JsonObject): boolean {
  const isReference = isObject(annotations) && "vnd.docker.reference.type" in annotations;
  return isReference || typeof artifactType === "string";
}

function parseCandidate(entry: unknown): Descriptor {
  const candidate = parseDescriptor(entry, `the ${guestPlatform} manifest`);
  const { mediaType } = candidate;
  if (!manifestMediaTypes.has(mediaType) && !indexMediaTypes.has(mediaType))
    throw badDocument("index", `leads to ${quoteForeign(mediaType)}, which is no manifest`);
  requireSize(candidate, imageLimits.manifestBytes, "manifest");
  return candidate;
}

function noVariant(entries: readonly unknown[]): PyroError {
  const platforms = new Set(
    entries.map((entry) => platformName(isObject(entry) ? entry.platform : undefined)),
  );
  return new PyroError(
    "environment_not_found",
    `The image has no variant for ${guestPlatform}; it has ${quoteForeign([...platforms].join(", "))}.`,
    { hint: `Choose an image that is built for ${guestPlatform}.` },
  );
}
