import { readFile, stat } from "node:fs/promises";
import { isObject, type JsonObject } from "../../model/bounded-json.ts";
import { systemErrorCode } from "../../model/errors.ts";
import { quoteForeign } from "./quote.ts";

export interface Credentials {
  readonly username: string;
  readonly password: string;
}

/** What the credentials file says about one registry. */
export interface FoundCredentials {
  readonly credentials: Credentials | undefined;
  /** Why there are none although the file may hold some; ends up in a hint. */
  readonly note: string | undefined;
}

const fileBytesMax = 1024 * 1024;
const defaultRegistryKeys = ["https://index.docker.io/v1/", "docker.io", "index.docker.io"];

/** Looks up `registry` in a file of the format of Docker's `config.json`. */
export async function readCredentials(path: string, registry: string): Promise<FoundCredentials> {
  const content = await readConfigFile(path);
  if (content === undefined) return { credentials: undefined, note: undefined };
  if (typeof content === "string") return { credentials: undefined, note: content };
  const entry = findEntry(content.auths, registry);
  const credentials = entry && decode(entry);
  if (credentials) return { credentials, note: undefined };
  return { credentials: undefined, note: explainAbsence(content, entry, { registry, path }) };
}

/** The file's object, a note on why it cannot be used, or undefined when there is no file. */
async function readConfigFile(path: string): Promise<JsonObject | string | undefined> {
  const shown = quoteForeign(path);
  try {
    if ((await stat(path)).size > fileBytesMax) return `${shown} is too large to hold credentials.`;
    const content: unknown = JSON.parse(await readFile(path, "utf8"));
    return isObject(content) ? content : `${shown} is not a JSON object.`;
  } catch (error) {
    const code = systemErrorCode(error);
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    // The parser's own message would quote the file, and with it passwords.
    return error instanceof SyntaxError
      ? `${shown} is not JSON.`
      : `${shown} cannot be read (${code}).`;
  }
}

function findEntry(auths: unknown, registry: string): JsonObject | undefined {
  if (!isObject(auths)) return undefined;
  const keys = registry === "docker.io" ? defaultRegistryKeys : spellings(registry);
  for (const key of keys) {
    const entry = Object.hasOwn(auths, key) ? auths[key] : undefined;
    if (isObject(entry)) return entry;
  }
  return undefined;
}

function spellings(registry: string): readonly string[] {
  const schemes = ["", "https://", "http://"];
  const paths = ["", "/", "/v1/", "/v2/"];
  return schemes.flatMap((scheme) => paths.map((path) => `${scheme}${registry}${path}`));
}

function decode(entry: JsonObject): Credentials | undefined {
  const { auth, username, password } = entry;
  if (typeof auth === "string" && auth !== "") {
    const text = Buffer.from(auth, "base64").toString("utf8");
    const colon = text.indexOf(":");
    if (colon > 0) return { username: text.slice(0, colon), password: text.slice(colon + 1) };
  }
  if (typeof username === "string" && typeof password === "string" && username !== "")
    return { username, password };
  return undefined;
}

function explainAbsence(
  content: JsonObject,
  entry: JsonObject | undefined,
  where: { readonly registry: string; readonly path: string },
): string | undefined {
  const helpers = isObject(content.credHelpers) ? content.credHelpers : {};
  const helper = Object.hasOwn(helpers, where.registry)
    ? helpers[where.registry]
    : content.credsStore;
  const file = quoteForeign(where.path);
  if (typeof helper === "string" && helper !== "")
    return `${file} leaves them to the credential helper ${quoteForeign(helper)}, which pyro does not run.`;
  if (entry && typeof entry.identitytoken === "string")
    return `${file} has an identity token for it, which pyro does not use.`;
  return undefined;
}
