import { badDocument, isObject, type JsonObject, parseJsonObject } from "./bounded-json.ts";
import { asDigest, type Digest } from "./digest.ts";
import { imageLimits } from "./limits.ts";
import { quoteForeign } from "./quote.ts";

/** What an image asks of whoever runs it; every value is bounded and free of NUL. */
export interface ImageConfig {
  /** `NAME=value` each, in the image's order. */
  readonly env: readonly string[];
  /** Absolute path. Default: `/`. */
  readonly workingDirectory: string;
  /** `USER[:GROUP]` by name or number. Default: empty, which means root. */
  readonly user: string;
  readonly entrypoint: readonly string[];
  readonly command: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
}

export interface ParsedConfig {
  readonly config: ImageConfig;
  /** Digests of the unpacked layers, lowest first. */
  readonly diffIds: readonly Digest[];
}

const pathLengthMax = 4096;
const userPattern = /^[^\p{Cc}\p{Z}:]{0,256}(:[^\p{Cc}\p{Z}:]{1,256})?$/u;
const variablePattern = /^[^=\p{Cc}\p{Z}]{1,256}=/u;
const labelPattern = /^[^\p{Cc}]{0,1024}$/u;

/** Parses the config blob of an image with `layerCount` layers. */
export function parseImageConfig(bytes: Uint8Array, layerCount: number): ParsedConfig {
  const document = parseJsonObject(bytes, "image config");
  const platform = [document.os, document.architecture]
    .map((value) => (typeof value === "string" ? value : "unknown"))
    .join("/");
  if (platform !== "linux/amd64")
    throw badDocument("image config", `is for ${quoteForeign(platform)}, not for linux/amd64`);
  const asked = document.config ?? {};
  if (!isObject(asked)) throw badDocument("image config", "has a config that is not an object");
  return {
    diffIds: parseDiffIds(document, layerCount),
    config: {
      env: parseEnv(asked.Env),
      workingDirectory: parseWorkingDirectory(asked.WorkingDir),
      user: parseUser(asked.User),
      entrypoint: parseStrings(asked.Entrypoint, "Entrypoint"),
      command: parseStrings(asked.Cmd, "Cmd"),
      labels: parseLabels(asked.Labels),
    },
  };
}

function parseDiffIds(document: JsonObject, layerCount: number): readonly Digest[] {
  const rootfs = document.rootfs;
  if (!isObject(rootfs) || rootfs.type !== "layers" || !Array.isArray(rootfs.diff_ids))
    throw badDocument("image config", "does not list its layers");
  const diffIds: readonly unknown[] = rootfs.diff_ids;
  if (diffIds.length !== layerCount)
    throw badDocument(
      "image config",
      `lists ${diffIds.length} layers, but the manifest ${layerCount}`,
    );
  return diffIds.map((diffId, index) => asDigest(diffId, `unpacked layer ${index + 1}`));
}

function parseEnv(value: unknown): readonly string[] {
  const env = parseStrings(value, "Env");
  for (const entry of env)
    if (!variablePattern.test(entry))
      throw badDocument("image config", `has the variable ${quoteForeign(entry)}, not NAME=value`);
  return env;
}

function parseWorkingDirectory(value: unknown): string {
  if (value === undefined || value === null || value === "") return "/";
  const path = parseString(value, "WorkingDir");
  if (path.startsWith("/") && path.length <= pathLengthMax) return path;
  throw badDocument(
    "image config",
    `has the working directory ${quoteForeign(path)}, not an absolute path`,
  );
}

function parseUser(value: unknown): string {
  const user = parseString(value ?? "", "User");
  if (userPattern.test(user)) return user;
  throw badDocument("image config", `has the user ${quoteForeign(user)}`);
}

function parseLabels(value: unknown): Readonly<Record<string, string>> {
  if (value === undefined || value === null) return {};
  if (!isObject(value)) throw badDocument("image config", "has labels that are not an object");
  const labels = Object.entries(value);
  requireCount(labels, "Labels");
  for (const [name] of labels)
    if (!labelPattern.test(name))
      throw badDocument("image config", `has the label ${quoteForeign(name)}`);
  return Object.fromEntries(labels.map(([name, text]) => [name, parseString(text, "Labels")]));
}

function parseStrings(value: unknown, field: string): readonly string[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw badDocument("image config", `has a ${field} that is not a list`);
  requireCount(value, field);
  return value.map((entry) => parseString(entry, field));
}

function parseString(value: unknown, field: string): string {
  if (typeof value !== "string")
    throw badDocument("image config", `has a ${field} that is not text`);
  if (value.includes("\0") || !value.isWellFormed())
    throw badDocument(
      "image config",
      `has a ${field} that is no usable text: ${quoteForeign(value)}`,
    );
  if (Buffer.byteLength(value) >= imageLimits.argumentBytes)
    throw badDocument(
      "image config",
      `has a ${field} of over ${imageLimits.argumentBytes} bytes: ${quoteForeign(value)}`,
    );
  return value;
}

function requireCount(entries: readonly unknown[], field: string): void {
  if (entries.length > imageLimits.configEntries)
    throw badDocument(
      "image config",
      `has ${entries.length} entries in ${field}, over ${imageLimits.configEntries}`,
    );
}
