import { PyroError } from "../../model/errors.ts";
import type { Descriptor } from "./descriptor.ts";
import type { Digest } from "./digest.ts";
import { badDocument } from "./documents.ts";
import type { ImageIndex } from "./image-index.ts";
import { imageLimits } from "./limits.ts";
import { type ImageManifest, parseManifestOrIndex } from "./manifest.ts";
import { indexMediaTypes } from "./media-types.ts";
import { quoteForeign } from "./quote.ts";
import type { RegistryClient, ServedManifest } from "./registry-client.ts";
import { type Wait, withRetries } from "./retry.ts";

export interface ResolvedImage {
  readonly manifest: ImageManifest;
  readonly manifestDigest: Digest;
}

export interface ResolveOptions {
  readonly wait: Wait;
  readonly signal: AbortSignal | undefined;
}

/** The manifest for the guest's platform behind the client's reference, through few indexes. */
export async function resolveManifest(
  client: RegistryClient,
  options: ResolveOptions,
): Promise<ResolvedImage> {
  let documentCount = 0;
  const fetch = async (wanted: string): Promise<ServedManifest> => {
    documentCount++;
    if (documentCount > imageLimits.indexDocuments)
      throw badDocument(
        "index",
        `leads to no image within ${imageLimits.indexDocuments} documents`,
      );
    return await withRetries(() => client.fetchManifest(wanted, options.signal), options);
  };
  const { tag, digest } = client.reference;
  return await follow(await fetch(digest ?? tag ?? "latest"), { fetch, depth: 0 });
}

interface Search {
  readonly fetch: (wanted: string) => Promise<ServedManifest>;
  /** Indexes above. */
  readonly depth: number;
}

async function follow(served: ServedManifest, { fetch, depth }: Search): Promise<ResolvedImage> {
  const parsed = parseManifestOrIndex(served);
  if (parsed.kind === "manifest") return { manifest: parsed, manifestDigest: served.digest };
  if (depth >= imageLimits.indexDepth)
    throw badDocument("index", `is inside ${depth} others, over which pyro follows no further`);
  return await firstFound(parsed, async (candidate) => {
    const inner = await fetch(candidate.digest);
    requirePromised(inner, candidate);
    return await follow(inner, { fetch, depth: depth + 1 });
  });
}

/** The first candidate that leads to an image; an index below need not have one. */
async function firstFound(
  { candidates }: ImageIndex,
  open: (candidate: Descriptor) => Promise<ResolvedImage>,
): Promise<ResolvedImage> {
  let failure: unknown;
  for (const candidate of candidates)
    try {
      return await open(candidate);
    } catch (error) {
      const isWithout = error instanceof PyroError && error.code === "environment_not_found";
      if (!isWithout || !indexMediaTypes.has(candidate.mediaType)) throw error;
      failure ??= error;
    }
  throw failure;
}

// Asked for again what the index said: one document must not be read as two things.
function requirePromised(served: ServedManifest, promised: Descriptor): void {
  if (served.bytes.length !== promised.sizeBytes)
    throw badDocument(
      "manifest",
      `has ${served.bytes.length} bytes where its index promises ${promised.sizeBytes}`,
    );
  if (served.contentType?.split(";")[0]?.trim().toLowerCase() !== promised.mediaType)
    throw badDocument(
      "manifest",
      `was served as ${quoteForeign(served.contentType ?? "nothing")} where its index promises ${quoteForeign(promised.mediaType)}`,
    );
}
