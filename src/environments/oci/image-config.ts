import { posix } from "node:path";
import { isObject, type JsonObject } from "../../model/bounded-json.ts";
import { asDigest, type Digest } from "./digest.ts";
import { badDocument, parseDocument } from "./documents.ts";
import { imageLimits } from "./limits.ts";
import { guestPlatform, platformName } from "./platform.ts";
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
}

export interface ParsedConfig {
  readonly config: ImageConfig;
  /** Digests of the unpacked layers, lowest first. */
  readonly diffIds: readonly Digest[];
}

const pathLengthMax = 4096;
const userPattern = /^[^\p{Cc}\p{Z}:]{0,256}(:[^\p{Cc}\p{Z}:]{0,256})?$/u;

/** Parses the config blob of an image with `layerCount` layers. */
export function parseImageConfig(bytes: Uint8Array, layerCount: number): ParsedConfig {
  const document = parseDocument(bytes, "image config");
  // Some builders leave it out; it is the guest's own then.
  const [os, architecture] = guestPlatform.split("/");
  const platform = platformName({
    os: document.os || os,
    architecture: document.architecture || architecture,
  });
  if (platform !== guestPlatform)
    throw badDocument("image config", `is for ${quoteForeign(platform)}, not for ${guestPlatform}`);
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
    },
  };
}

function parseDiffIds(document: JsonObject, layerCount: number): readonly Digest[] {
  const rootfs = document.rootfs;
  const listed = isObject(rootfs) && rootfs.type === "layers" ? (rootfs.diff_ids ?? []) : undefined;
  if (!Array.isArray(listed)) throw badDocument("image config", "does not list its layers");
  const diffIds: readonly unknown[] = listed;
  if (diffIds.length !== layerCount)
    throw badDocument(
      "image config",
      `lists ${diffIds.length} layers, but the manifest ${layerCount}`,
    );
  return diffIds.map((diffId, index) => asDigest(diffId, `unpacked layer ${index + 1}`));
}

/** An entry that names no variable means nothing to a program, and is left out. */
function parseEnv(value: unknown): readonly string[] {
  return parseStrings(value, "Env").filter((entry) => /^[^=\p{Cc}]+=/u.test(entry));
}

/** Relative to the root, where every process of a container begins. */
function parseWorkingDirectory(value: unknown): string {
  const path = posix.resolve("/", parseString(value, "WorkingDir"));
  if (path.length <= pathLengthMax) return path;
  throw badDocument("image config", `has the working directory ${quoteForeign(path)}`);
}

function parseUser(value: unknown): string {
  const user = parseString(value, "User");
  // Half a pair is the other half's: root, or the user's own group.
  if (userPattern.test(user)) return user.replace(/^:(?=.)/, "0:").replace(/:$/, "");
  throw badDocument("image config", `has the user ${quoteForeign(user)}`);
}

function parseStrings(value: unknown, field: string): readonly string[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw badDocument("image config", `has a ${field} that is not a list`);
  requireCount(value, field);
  return value.map((entry) => parseString(entry, field));
}

/** Nothing is the empty text, as it is to the tools that write these documents. */
function parseString(value: unknown, field: string): string {
  if (value === undefined || value === null) return "";
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
