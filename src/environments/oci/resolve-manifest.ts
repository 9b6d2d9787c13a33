import { badDocument } from "./bounded-json.ts";
import type { Digest } from "./digest.ts";
import { type ImageManifest, parseManifestOrIndex } from "./manifest.ts";
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

/** The manifest for linux/amd64 behind the client's reference, through at most one index. */
export async function resolveManifest(
  client: RegistryClient,
  options: ResolveOptions,
): Promise<ResolvedImage> {
  const { tag, digest } = client.reference;
  const fetch = (wanted: string): Promise<ServedManifest> =>
    withRetries(() => client.fetchManifest(wanted, options.signal), options);

  const top = await fetch(digest ?? tag ?? "latest");
  const parsed = parseManifestOrIndex(top);
  if (parsed.kind === "manifest") return { manifest: parsed, manifestDigest: top.digest };

  const promised = parsed.manifest;
  const served = await fetch(promised.digest);
  if (served.bytes.length !== promised.sizeBytes)
    throw badDocument(
      "manifest",
      `has ${served.bytes.length} bytes where its index promises ${promised.sizeBytes}`,
    );
  const manifest = parseManifestOrIndex(served);
  // Asked for again what the index said: one document must not be read as two things.
  if (manifest.kind !== "manifest" || !sameType(served.contentType, promised.mediaType))
    throw badDocument(
      "manifest",
      `was served as ${quoteForeign(served.contentType ?? "nothing")} where its index promises ${quoteForeign(promised.mediaType)}`,
    );
  return { manifest, manifestDigest: served.digest };
}

function sameType(contentType: string | undefined, mediaType: string): boolean {
  return contentType?.split(";")[0]?.trim().toLowerCase() === mediaType;
}
