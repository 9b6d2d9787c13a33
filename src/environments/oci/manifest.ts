import type { JsonObject } from "../../model/bounded-json.ts";
import { PyroError } from "../../model/errors.ts";
import { type Descriptor, parseDescriptor, requireSize, tooMuch } from "./descriptor.ts";
import type { Digest } from "./digest.ts";
import { badDocument, parseDocument } from "./documents.ts";
import { type ImageIndex, parseIndex } from "./image-index.ts";
import { imageLimits } from "./limits.ts";
import {
  configMediaTypes,
  indexMediaTypes,
  layerMediaTypes,
  manifestMediaTypes,
  schema1MediaTypes,
} from "./media-types.ts";
import { quoteForeign } from "./quote.ts";

export interface ImageManifest {
  readonly kind: "manifest";
  readonly config: Descriptor;
  /** Lowest first. */
  readonly layers: readonly Descriptor[];
}

/** A manifest or an index as the registry served it. */
export interface ServedDocument {
  readonly bytes: Uint8Array;
  /** The `Content-Type` header, or undefined when there was none. */
  readonly contentType: string | undefined;
}

/** Parses and checks a document; what it is comes from its type, which has to be said twice alike. */
export function parseManifestOrIndex(served: ServedDocument): ImageManifest | ImageIndex {
  const document = parseDocument(served.bytes, "manifest");
  const mediaType = agreedMediaType(document, served.contentType);
  if (document.manifests !== undefined && (document.layers ?? document.config) !== undefined)
    throw badDocument("manifest", "is a manifest and an index at once");
  if (indexMediaTypes.has(mediaType)) return parseIndex(document);
  if (manifestMediaTypes.has(mediaType)) return parseManifest(document);
  throw badDocument("manifest", `has the type ${quoteForeign(mediaType)}, which is no image`);
}

function agreedMediaType(document: JsonObject, contentType: string | undefined): string {
  const served = contentType?.split(";")[0]?.trim().toLowerCase() ?? "";
  const inside = document.mediaType;
  if (document.schemaVersion === 1 || "fsLayers" in document || schema1MediaTypes.has(served))
    throw new PyroError("registry_lied", "The image has a schema 1 manifest.", {
      hint: "Schema 1 cannot be verified and is no longer read; push the image again with a current tool.",
    });
  if (document.schemaVersion !== 2)
    throw badDocument("manifest", `has the schemaVersion ${quote(document.schemaVersion)}`);
  if (inside !== undefined && inside !== served)
    throw badDocument(
      "manifest",
      `was served as ${quoteForeign(served)} but calls itself ${quote(inside)}`,
    );
  return served;
}

function parseManifest(manifest: JsonObject): ImageManifest {
  if (manifest.manifests !== undefined) throw badDocument("manifest", "lists manifests");
  const config = parseDescriptor(manifest.config, "the config");
  if (!configMediaTypes.has(config.mediaType))
    throw badDocument(
      "manifest",
      `is not of a container image: its config is ${quoteForeign(config.mediaType)}`,
    );
  requireSize(config, imageLimits.configBytes, "config");
  const layers = manifest.layers;
  if (!Array.isArray(layers)) throw badDocument("manifest", "has no list of layers");
  if (layers.length > imageLimits.layers)
    throw tooMuch(
      `has ${layers.length} layers`,
      `${imageLimits.layers}, as many as container engines can stack`,
    );
  const parsed = layers.map(parseLayer);
  requireOneSizeEach([config, ...parsed]);
  const totalBytes = parsed.reduce((sum, layer) => sum + layer.sizeBytes, 0);
  if (totalBytes > imageLimits.imageBytes)
    throw tooMuch(`has ${totalBytes} bytes`, `${imageLimits.imageBytes}`);
  return { kind: "manifest", config, layers: parsed };
}

function parseLayer(value: unknown, index: number): Descriptor {
  const layer = parseDescriptor(value, `layer ${index + 1}`);
  if (!layerMediaTypes.has(layer.mediaType)) throw unusableLayer(layer.mediaType, index + 1);
  requireSize(layer, imageLimits.layerBytes, `layer ${index + 1}`);
  return layer;
}

function requireOneSizeEach(blobs: readonly Descriptor[]): void {
  const sizes = new Map<Digest, number>();
  for (const { digest, sizeBytes } of blobs) {
    const known = sizes.get(digest) ?? sizeBytes;
    if (known !== sizeBytes)
      throw badDocument("manifest", `gives ${digest} two sizes: ${known} and ${sizeBytes} bytes`);
    sizes.set(digest, sizeBytes);
  }
}

function unusableLayer(mediaType: string, number: number): PyroError {
  let why = "a type pyro does not know";
  if (/encrypted/.test(mediaType)) why = "encrypted";
  if (/foreign|nondistributable/.test(mediaType))
    why = "foreign: kept on a server of its own choice";
  return new PyroError(
    "registry_lied",
    `Layer ${number} of the image is ${quoteForeign(mediaType)}, ${why}.`,
    { hint: "Use an image whose layers are plain, gzip or zstd tars in its own registry." },
  );
}

function quote(value: unknown): string {
  return value === undefined ? "nothing" : quoteForeign(JSON.stringify(value));
}
