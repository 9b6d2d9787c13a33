import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { PyroError, systemErrorCode } from "../../model/errors.ts";
import { limits } from "../../model/limits.ts";
import { nearest } from "../../model/nearest.ts";
import {
  checkSecretName,
  checkSecrets,
  checkSecretValue,
  type Secret,
} from "../../model/secrets.ts";
import { userEnvironment } from "../../platform/config.ts";
import type { CommandSource, SecretSource } from "../life/workspace-options.ts";
import { runCredentialCommand } from "../supervisor/credentials/credential-command.ts";

/** The secrets that are handed over, read and checked before anything else happens. */
export async function readSecretSources(
  sources: readonly SecretSource[] = [],
): Promise<readonly Secret[]> {
  return checkSecrets(await Promise.all(sources.map(readSource)));
}

async function readSource(source: SecretSource): Promise<Secret> {
  const name = checkSecretName(source.name, "a secret");
  if (source.credential === undefined) {
    if ("command" in source) throw commandWithoutHosts(name);
    return { name, ...(await readValue(source)) };
  }
  const { checkCredential, checkCredentialValue, checkTtl } = await import("./check-credential.ts");
  const brokered = checkCredential(name, source.credential);
  if ("command" in source) {
    const { line, ttlSeconds } = {
      line: source.command,
      ttlSeconds: checkTtl(name, source.ttlSeconds),
    };
    const command = { line, ttlSeconds, env: whoAndWhere() };
    // What does not work now would be found out by a program that cannot tell anybody.
    await runCredentialCommand(name, command);
    return { name, value: "", sourceKind: "command", brokered: { ...brokered, command } };
  }
  const read = await readValue(source);
  return { name, ...read, value: checkCredentialValue(name, read.value), brokered };
}

async function readValue(
  source: Exclude<SecretSource, CommandSource>,
): Promise<Pick<Secret, "value" | "sourceKind">> {
  const { name } = source;
  if ("value" in source)
    return { value: checkSecretValue(name, source.value), sourceKind: "value" };
  if ("path" in source) {
    const value = checkSecretValue(name, await readFileOf(name, source.path));
    return { value, sourceKind: "file" };
  }
  return { value: checkSecretValue(name, variableOf(name, source.variable)), sourceKind: "env" };
}

/** Of this process' environment, what programs need that keep secrets for a person. */
const personal =
  /^(PATH|HOME|USER|LOGNAME|SHELL|LANG|XDG_[A-Z_]+|DBUS_SESSION_BUS_ADDRESS|SSH_AUTH_SOCK|GNUPGHOME)$/;

function whoAndWhere(): Record<string, string> {
  const entries = Object.entries(userEnvironment()).filter(([name]) => personal.test(name));
  return Object.fromEntries(entries);
}

function commandWithoutHosts(name: string): PyroError {
  return new PyroError(
    "invalid_argument",
    `The secret ${name} is printed by a command, but is no credential.`,
    { hint: `Say which hosts it is for: --credential ${name}=HOST` },
  );
}

/** A pipe will do, such as a shell's <(command); no more is read than tells that it is too much. */
async function readFileOf(name: string, path: string): Promise<Buffer> {
  try {
    await using file = await open(path, constants.O_RDONLY | constants.O_NOCTTY);
    return await readUpTo(file, limits.secretBytesMax + 1);
  } catch (error) {
    const code = systemErrorCode(error);
    if (code === undefined) throw error;
    throw new PyroError(
      "invalid_argument",
      `The file ${path} of the secret ${name} cannot be read: ${code}.`,
      { cause: error },
    );
  }
}

async function readUpTo(file: FileHandle, bytesMax: number): Promise<Buffer> {
  const read = Buffer.alloc(bytesMax);
  let length = 0;
  while (length < bytesMax) {
    const { bytesRead } = await file.read(read, length, bytesMax - length);
    if (bytesRead === 0) break;
    length += bytesRead;
  }
  return read.subarray(0, length);
}

function variableOf(name: string, variable: string): string {
  const environment = userEnvironment();
  const value = environment[variable];
  if (value !== undefined) return value;
  const meant = nearest(variable, Object.keys(environment));
  throw new PyroError(
    "invalid_argument",
    `The environment variable ${variable} for the secret ${name} is not set.`,
    {
      hint: meant === undefined ? "Export it first." : `Export it first, or did you mean ${meant}?`,
    },
  );
}
