import { constants, readFileSync, rmSync } from "node:fs";
import type { WorkspaceCa } from "../../model/brokered-credential.ts";
import type { Brokering } from "../../model/credentials.ts";
import { PyroError, systemErrorCode } from "../../model/errors.ts";
import {
  checkSecretName,
  checkSecrets,
  checkSecretValue,
  type Secret,
  secretSourceKinds,
} from "../../model/secrets.ts";
import { writeFileAtomicallySync } from "../../platform/files.ts";

/** What of a workspace nobody else may read. */
export interface SecretsDocument {
  readonly secrets: readonly Secret[];
  /** Once there was a credential, until the workspace's end: what it signed may be trusted somewhere. */
  readonly ca?: WorkspaceCa | undefined;
}

/** A pyro that knows no credentials would take their values for what commands may have. */
const versions = { plain: 1, brokered: 2 } as const;

/** Throws `secrets_unreadable` when the file is damaged. */
export function readSecretsFile(path: string): SecretsDocument {
  const text = readText(path);
  try {
    const { version, secrets, ca } = JSON.parse(text) as Record<string, unknown>;
    if ((version !== versions.plain && version !== versions.brokered) || !Array.isArray(secrets))
      throw unreadable(path);
    return {
      secrets: checkSecrets(secrets.map(parseSecret)),
      ca: ca === undefined ? undefined : parseCa(ca),
    };
  } catch {
    // Without a cause, which would quote what it could not read.
    throw unreadable(path);
  }
}

/** Without anything to keep there is no file. */
export function writeSecretsFile(path: string, { secrets, ca }: SecretsDocument): void {
  if (secrets.length === 0 && ca === undefined) {
    rmSync(path, { force: true });
    return;
  }
  const version = ca === undefined ? versions.plain : versions.brokered;
  const text = `${JSON.stringify({ version, secrets, ca })}\n`;
  writeFileAtomicallySync(path, text, { isFlushed: true });
}

function readText(path: string): string {
  try {
    return readFileSync(path, {
      encoding: "utf8",
      flag: constants.O_RDONLY | constants.O_NOFOLLOW,
    });
  } catch (error) {
    if (systemErrorCode(error) === undefined) throw error;
    throw unreadable(path);
  }
}

/** By somebody's hand it may say anything. */
function parseSecret({ name, value, sourceKind, brokered }: Record<string, unknown>): Secret {
  const kind = secretSourceKinds.find((known) => known === sourceKind);
  const shape = brokered === undefined ? undefined : parseBrokering(brokered);
  return {
    name: checkSecretName(String(name), "a secret"),
    value: shape?.command === undefined ? checkSecretValue(String(name), String(value)) : "",
    sourceKind: kind ?? "value",
    ...(shape !== undefined && { brokered: shape }),
  };
}

function parseBrokering(found: unknown): Brokering {
  const { hosts, placeholder, variables, methods, paths, command } = found as Brokering;
  const isSound =
    [hosts, variables, methods ?? [], paths ?? []].every(isTexts) &&
    typeof placeholder === "string" &&
    placeholder.length > 0 &&
    (command === undefined ||
      (typeof command.line === "string" && Number.isFinite(command.ttlSeconds)));
  if (!isSound) throw new PyroError("internal", "A credential's description is damaged.");
  return { hosts, placeholder, variables, methods, paths, command };
}

function parseCa(found: unknown): WorkspaceCa {
  const { certificatePem, keyPem } = found as WorkspaceCa;
  if (typeof certificatePem !== "string" || typeof keyPem !== "string")
    throw new PyroError("internal", "A certificate authority is damaged.");
  return { certificatePem, keyPem };
}

function isTexts(value: unknown): boolean {
  return Array.isArray(value) && value.every((entry) => typeof entry === "string");
}

function unreadable(path: string): PyroError {
  return new PyroError("secrets_unreadable", `The workspace's secrets in ${path} cannot be read.`, {
    hint: "Nothing that could show them is run. Remove the file and set the secrets again.",
  });
}
