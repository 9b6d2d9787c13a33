import { PyroError } from "../../model/errors.ts";
import { badDocument, isObject, type JsonObject, parseJsonObject } from "./bounded-json.ts";
import { asDigest, type Digest } from "./digest.ts";
import { imageLimits } from "./limits.ts";
import {
  configMediaTypes,
  indexMediaTypes,
  type LayerCompression,
  layerMediaTypes,
  manifestMediaTypes,
  schema1MediaTypes,
} from "./media-types.ts";
import { quoteForeign } from "./quote.ts";

/** What a document says about a blob. */
export interface Descriptor {
  readonly mediaType: string;
  readonly digest: Digest;
  readonly sizeBytes: number;
}

export interface LayerDescriptor extends Descriptor {
  readonly compression: LayerCompression;
}

export interface ImageManifest {
  readonly kind: "manifest";
  readonly config: Descriptor;
  /** Lowest first. */
  readonly layers: readonly LayerDescriptor[];
}

export interface ImageIndex {
  readonly kind: "index";
  /** The manifest for linux/amd64. */
  readonly manifest: Descriptor;
}

/** A manifest or an index as the registry served it. */
export interface ServedDocument {
  readonly bytes: Uint8Array;
  /** The `Content-Type` header, or undefined when there was none. */
  readonly contentType: string | undefined;
}

/** Parses and checks a document; what it is comes from its type, which has to be said twice alike. */
export function parseManifestOrIndex(served: ServedDocument): ImageManifest | ImageIndex {
  const document = parseJsonObject(served.bytes, "manifest");
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

function parseIndex(index: JsonObject): ImageIndex {
  const entries = index.manifests;
  if (!Array.isArray(entries)) throw badDocument("index", "has no list of manifests");
  if (entries.length > imageLimits.indexEntries)
    throw tooMuch(`lists ${entries.length} manifests`, `${imageLimits.indexEntries}`);
  const platforms = entries.map(platformOf);
  const position = platforms.indexOf("linux/amd64");
  if (position < 0)
    throw new PyroError(
      "environment_not_found",
      `The image has no variant for linux/amd64; it has ${quoteForeign([...new Set(platforms)].join(", "))}.`,
      { hint: "Choose an image that is built for linux/amd64." },
    );
  const manifest = parseDescriptor(entries[position], "the linux/amd64 manifest");
  if (indexMediaTypes.has(manifest.mediaType))
    throw badDocument("index", "leads to another index instead of a manifest");
  if (!manifestMediaTypes.has(manifest.mediaType))
    throw badDocument(
      "index",
      `leads to ${quoteForeign(manifest.mediaType)}, which is no manifest`,
    );
  requireSize(manifest, imageLimits.manifestBytes, "manifest");
  return { kind: "index", manifest };
}

/** `os/architecture[/variant]`; variants above v1 need processors that a guest may not have. */
function platformOf(entry: unknown): string {
  const platform = isObject(entry) && isObject(entry.platform) ? entry.platform : {};
  const [os, architecture, variant] = [platform.os, platform.architecture, platform.variant].map(
    // A stranger's object may even refuse to be converted to text.
    (value) => (typeof value === "string" ? value : ""),
  );
  const suffix = variant === "" || variant === "v1" ? "" : `/${variant}`;
  return `${os || "unknown"}/${architecture || "unknown"}${suffix}`;
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
  if (!Array.isArray(layers) || layers.length === 0) throw badDocument("manifest", "has no layers");
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

function parseLayer(value: unknown, index: number): LayerDescriptor {
  const layer = parseDescriptor(value, `layer ${index + 1}`);
  const compression = layerMediaTypes.get(layer.mediaType);
  if (compression === undefined) throw unusableLayer(layer.mediaType, index + 1);
  requireSize(layer, imageLimits.layerBytes, `layer ${index + 1}`);
  return { ...layer, compression };
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

function parseDescriptor(value: unknown, where: string): Descriptor {
  if (!isObject(value)) throw badDocument("manifest", `has no descriptor for ${where}`);
  const { mediaType, digest, size } = value;
  if (typeof mediaType !== "string")
    throw badDocument("manifest", `gives no media type for ${where}`);
  if (typeof size !== "number" || size < 0 || !(Number.isInteger(size) || size === Infinity))
    throw badDocument("manifest", `gives ${where} the size ${quote(size)}`);
  return { mediaType, digest: asDigest(digest, where), sizeBytes: size };
}

function requireSize(descriptor: Descriptor, bytesMax: number, what: string): void {
  if (descriptor.sizeBytes > bytesMax)
    throw tooMuch(`has a ${what} of ${descriptor.sizeBytes} bytes`, `${bytesMax}`);
}

/** The error for an image above a limit. */
export function tooMuch(how: string, limit: string): PyroError {
  return new PyroError("image_limit_exceeded", `The image ${how}; pyro accepts ${limit}.`, {
    hint: "Use a smaller image, or rebuild it in fewer and smaller layers.",
  });
}

function quote(value: unknown): string {
  return value === undefined ? "nothing" : quoteForeign(JSON.stringify(value));
}
