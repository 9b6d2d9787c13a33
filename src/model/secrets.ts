import { isUtf8 } from "node:buffer";
import type { WorkspaceCa } from "./brokered-credential.ts";
import type { Brokering } from "./credentials.ts";
import { PyroError } from "./errors.ts";
import { limits } from "./limits.ts";

/** How a secret's value was handed over; all that is ever told of it beside its name. */
export const secretSourceKinds = ["value", "file", "env", "command"] as const;

export type SecretSourceKind = (typeof secretSourceKinds)[number];

/** What commands of a workspace may use and nobody may see. */
export interface Secret {
  readonly name: string;
  /** UTF-8 without a NUL. Empty where a command prints it. */
  readonly value: string;
  readonly sourceKind: SecretSourceKind;
  /** Of a credential, whose value no guest has. */
  readonly brokered?: Brokering | undefined;
}

/** Names of secrets a command gets, each with the environment variable it gets it as. */
export type SecretEnv = Readonly<Record<string, string>>;

export interface SecretsChange {
  /** Added, or in the place of those of the same name. */
  readonly set: readonly Secret[];
  /** Names. */
  readonly remove: readonly string[];
  /** For a workspace whose first credentials these are. */
  readonly ca?: WorkspaceCa | undefined;
}

const namePattern = /^[A-Za-z_][A-Za-z0-9_]{0,126}$/;

/** `name` if a secret, or the environment variable it is mapped to, can have it; else `invalid_argument`. */
export function checkSecretName(
  name: string,
  what: "a secret" | "the variable of a secret",
): string {
  if (namePattern.test(name)) return name;
  throw new PyroError("invalid_argument", `"${name}" cannot be the name of ${what}.`, {
    hint: "Use letters, digits and '_', not beginning with a digit; 127 at most.",
  });
}

/** The value if a secret can have it; else `invalid_argument`, which never quotes it. */
export function checkSecretValue(name: string, value: string | Uint8Array): string {
  const bytes = Buffer.from(value);
  const isText = typeof value === "string" ? value.isWellFormed() : isUtf8(value);
  if (bytes.length > limits.secretBytesMax)
    throw unusable(name, `has ${bytes.length} bytes; ${limits.secretBytesMax} are the limit`);
  if (!isText) throw unusable(name, "is not UTF-8", "Encode it, for example with base64.");
  if (bytes.includes(0)) throw unusable(name, "contains a NUL, which no environment variable can");
  const seenBytes = bytes.filter((byte) => !isLineBreak(byte)).length;
  if (seenBytes >= limits.secretBytesMin) return bytes.toString("utf8");
  throw unusable(
    name,
    `has ${seenBytes} bytes beside line breaks; ${limits.secretBytesMin} are the least`,
    "What is shorter would be taken out of output everywhere.",
  );
}

/** The secrets if a workspace can have all of them; else `invalid_argument`. */
export function checkSecrets(secrets: readonly Secret[]): readonly Secret[] {
  const seen = new Set<string>();
  for (const { name } of secrets) {
    if (seen.has(name))
      throw new PyroError("invalid_argument", `The secret ${name} is given twice.`);
    seen.add(name);
  }
  if (secrets.length > limits.secretCountMax)
    throw new PyroError(
      "invalid_argument",
      `There would be ${secrets.length} secrets; ${limits.secretCountMax} are the limit.`,
    );
  const bytes = secrets.reduce((sum, { value }) => sum + Buffer.byteLength(value), 0);
  if (bytes <= limits.secretsBytesMax) return secrets;
  throw new PyroError(
    "invalid_argument",
    `The secrets would have ${bytes} bytes together; ${limits.secretsBytesMax} are the limit.`,
  );
}

/** What a guest has of it. */
export function guestValue({ value, brokered }: Secret): string {
  return brokered?.placeholder ?? value;
}

export function isLineBreak(byte: number): boolean {
  return byte === 0x0a || byte === 0x0d;
}

function unusable(name: string, how: string, hint?: string): PyroError {
  return new PyroError("invalid_argument", `The value of the secret ${name} ${how}.`, { hint });
}
