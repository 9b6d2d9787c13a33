import { isIPv6 } from "node:net";
import { PyroError } from "../../model/errors.ts";
import { type Digest, isDigest } from "./digest.ts";
import { quoteForeign } from "./quote.ts";

/** A fully spelled image reference. */
export interface ImageReference {
  /** `HOST` or `HOST:PORT` in lower case; `docker.io` where none was named. */
  readonly registry: string;
  /** Path in the registry, `library/` included. */
  readonly repository: string;
  /** Absent when only a digest was named; `latest` when neither was. */
  readonly tag: string | undefined;
  /** Wins over the tag when both were named. */
  readonly digest: Digest | undefined;
}

const defaultRegistry = "docker.io";
/** Docker's registry answers its API under another name than the one in references. */
const defaultRegistryApi = "registry-1.docker.io";
const defaultRegistryAliases = new Set([defaultRegistry, "index.docker.io", defaultRegistryApi]);

const textLengthMax = 1024;
const nameLengthMax = 255;
const hostLabel = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;
const pathComponent = /^[a-z0-9]+((\.|__?|-+)[a-z0-9]+)*$/;
const tagPattern = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/;

/** Whether `text` is meant as an image reference: catalog names such as `debian:12` have no slash. */
export function isImageReference(text: string): boolean {
  return text.includes("/");
}

/** Parses `[HOST[:PORT]/]PATH[:TAG][@DIGEST]` as Docker does. */
export function parseReference(text: string): ImageReference {
  if (text.length === 0 || text.length > textLengthMax)
    throw refused(text, `has ${text.length} characters`, "Give 1 to 1024, such as python:3.12.");
  if (text.includes("://"))
    throw refused(text, "is a URL", `Leave out "${text.slice(0, text.indexOf("://") + 3)}".`);

  const [nameAndTag, digestText] = splitAt(text, text.indexOf("@"));
  const colon = nameAndTag.lastIndexOf(":");
  // A colon before the last slash belongs to the registry's port.
  const tagColon = colon > nameAndTag.lastIndexOf("/") ? colon : -1;
  const [name, tagText] = splitAt(nameAndTag, tagColon);
  const { registry, repository } = parseName(name, text);
  const digest = digestText === undefined ? undefined : parseDigest(digestText, text);
  if (tagText !== undefined && !tagPattern.test(tagText))
    throw refused(
      text,
      `has the tag ${quoteForeign(tagText)}`,
      'A tag is 1 to 128 letters, digits, "_", "." or "-" and does not start with "." or "-".',
    );
  const tag = tagText ?? (digest === undefined ? "latest" : undefined);
  return { registry, repository, tag, digest };
}

/** The canonical text: everything spelled out. */
export function formatReference(reference: ImageReference): string {
  const tag = reference.tag === undefined ? "" : `:${reference.tag}`;
  const digest = reference.digest === undefined ? "" : `@${reference.digest}`;
  return `${reference.registry}/${reference.repository}${tag}${digest}`;
}

/** `HOST` or `HOST:PORT` that answers the API of `registry`. */
export function apiHost(registry: string): string {
  return registry === defaultRegistry ? defaultRegistryApi : registry;
}

function parseName(name: string, text: string): { registry: string; repository: string } {
  const slash = name.indexOf("/");
  const first = slash < 0 ? "" : name.slice(0, slash);
  const namesHost = /[.:[\]]/.test(first) || first.toLowerCase() === "localhost";
  const registry = namesHost ? parseHost(first.toLowerCase(), text) : defaultRegistry;
  const path = namesHost ? name.slice(slash + 1) : name;
  checkRepository(path, text);
  const isOfficial = registry === defaultRegistry && !path.includes("/");
  const repository = isOfficial ? `library/${path}` : path;
  if (registry.length + repository.length + 1 > nameLengthMax)
    throw refused(text, `has a name of over ${nameLengthMax} characters`, "Use a shorter name.");
  return { registry, repository };
}

function parseHost(host: string, text: string): string {
  if (defaultRegistryAliases.has(host)) return defaultRegistry;
  const [, bracketed, plain, port] = /^(?:\[([^[\]]*)\]|([^:[\]]*))(?::(.*))?$/.exec(host) ?? [];
  const isHost =
    bracketed !== undefined
      ? isIPv6(bracketed)
      : plain?.split(".").every((label) => hostLabel.test(label));
  const isPort = port === undefined || (/^[1-9][0-9]{0,4}$/.test(port) && Number(port) <= 65_535);
  if (isHost && isPort && URL.canParse(`https://${host}/`)) return host;
  throw refused(
    text,
    `names the registry ${quoteForeign(host)}`,
    "A registry is HOST or HOST:PORT, such as localhost:5000.",
  );
}

function checkRepository(path: string, text: string): void {
  if (path.split("/").every((component) => pathComponent.test(component))) return;
  const lower = path.toLowerCase();
  throw refused(
    text,
    `has the repository name ${quoteForeign(path)}`,
    lower === path
      ? 'Its parts are lower-case letters and digits, separated by ".", "_", "__" or "-".'
      : `Repository names are in lower case; try ${quoteForeign(text.replace(path, lower))}.`,
  );
}

function parseDigest(digest: string, text: string): Digest {
  if (isDigest(digest)) return digest;
  throw refused(
    text,
    `has the digest ${quoteForeign(digest)}`,
    'A digest is "sha256:" and 64 lower-case hexadecimal digits.',
  );
}

function splitAt(text: string, index: number): [string, string | undefined] {
  return index < 0 ? [text, undefined] : [text.slice(0, index), text.slice(index + 1)];
}

function refused(text: string, how: string, hint: string): PyroError {
  return new PyroError("invalid_argument", `The image reference ${quoteForeign(text)} ${how}.`, {
    hint,
  });
}
