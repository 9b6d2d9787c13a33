import { PyroError } from "../../model/errors.ts";
import { quoteForeign } from "./quote.ts";

/** `sha256:` and 64 lower-case hexadecimal digits; only `asDigest` makes one from a stranger's text. */
export type Digest = `sha256:${string}`;

const digestPattern = /^sha256:[0-9a-f]{64}$/;

export function isDigest(value: unknown): value is Digest {
  return typeof value === "string" && digestPattern.test(value);
}

/** `value` as a digest, checked before it can become part of a path or an address. */
export function asDigest(value: unknown, where: string): Digest {
  if (isDigest(value)) return value;
  const shown = typeof value === "string" ? quoteForeign(value) : `a ${typeof value}`;
  throw new PyroError("registry_lied", `The digest of ${where} is ${shown}.`, {
    hint: 'pyro accepts only "sha256:" and 64 lower-case hexadecimal digits; the image must be pushed again.',
  });
}

/** The file name of a digest: its hexadecimal part. */
export function digestHex(digest: Digest): string {
  return asDigest(digest, "a blob").slice("sha256:".length);
}
