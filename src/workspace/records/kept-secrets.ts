import { constants, readFileSync, rmSync, type Stats, statSync } from "node:fs";
import { PyroError, systemErrorCode } from "../../model/errors.ts";
import { nearest } from "../../model/nearest.ts";
import {
  checkSecretName,
  checkSecrets,
  checkSecretValue,
  type Secret,
  type SecretEnv,
  type SecretsChange,
  secretSourceKinds,
} from "../../model/secrets.ts";
import { writeFileAtomicallySync } from "../../platform/files.ts";
import { SecretValues } from "../../secrets/redaction.ts";

const version = 1;
const noValues = new SecretValues([]);

/**
 * A workspace's secrets in a file of its directory, which is the only place of the host that has them. Whoever changes it holds the
 * workspace's lock.
 */
export class KeptSecrets {
  readonly #path: string;
  #read: { readonly stats: Stats; readonly secrets: readonly Secret[] } | undefined;
  /** Every value that this process has known: one that was replaced may be in what runs. */
  #known: readonly Secret[] = [];
  #values = noValues;

  constructor(path: string) {
    this.#path = path;
  }

  /** In the order in which they were first set. Throws `secrets_unreadable` when the file is damaged. */
  list(): readonly Secret[] {
    const stats = statSync(this.#path, { throwIfNoEntry: false });
    if (stats === undefined) {
      this.#read = undefined;
      return [];
    }
    if (this.#read === undefined || !isSame(stats, this.#read.stats)) this.#readAgain(stats);
    return this.#read?.secrets ?? [];
  }

  /** What may be told of them; nothing of a file that is damaged. */
  told(): Pick<Secret, "name" | "sourceKind">[] {
    try {
      return this.list().map(({ name, sourceKind }) => ({ name, sourceKind }));
    } catch {
      return [];
    }
  }

  /** Those and every earlier one, as they are to be found in output. */
  values(): SecretValues {
    this.list();
    return this.#values;
  }

  /** The same, as far as the file can be read: for what must be written down all the same. */
  knownValues(): SecretValues {
    try {
      return this.values();
    } catch {
      return this.#values;
    }
  }

  /** Entries of the environment of a command that is to have these secrets. */
  environment(wanted: SecretEnv): string[] {
    return Object.entries(this.variables(wanted)).map((entry) => entry.join("="));
  }

  /** The same as variables and their values. */
  variables(wanted: SecretEnv): Record<string, string> {
    const secrets = this.list();
    const entries = Object.entries(wanted).map(([name, variable]) => {
      const secret = secrets.find((one) => one.name === name);
      if (secret === undefined) throw notFound(name, secrets);
      // As a shell's $(cat FILE) would: a file's last line break is no part of a token.
      const value = secret.value.replace(/[\r\n]+$/, "");
      return [checkSecretName(variable, "the variable of a secret"), value];
    });
    return Object.fromEntries(entries);
  }

  /** Answers what it did, for the journal. */
  change({ set, remove }: SecretsChange): string {
    const secrets = this.list();
    for (const name of remove)
      if (!secrets.some((secret) => secret.name === name)) throw notFound(name, secrets);
    const byName = new Map(secrets.map((secret) => [secret.name, secret]));
    for (const name of remove) byName.delete(name);
    for (const secret of set) byName.set(secret.name, secret);
    const wanted = checkSecrets([...byName.values()]);
    if (wanted.length === 0) rmSync(this.#path, { force: true });
    else
      writeFileAtomicallySync(this.#path, `${JSON.stringify({ version, secrets: wanted })}\n`, {
        isFlushed: true,
      });
    this.list();
    const done = [
      ...set.map(({ name }) => `${name} set`),
      ...remove.map((name) => `${name} removed`),
    ];
    return `secrets: ${done.join(", ")}`;
  }

  #readAgain(stats: Stats): void {
    const secrets = parse(readSecretFile(this.#path), this.#path);
    this.#read = { stats, secrets };
    const isKnown = ({ name, value }: Secret) =>
      this.#known.some((known) => known.name === name && known.value === value);
    const unknown = secrets.filter((secret) => !isKnown(secret));
    if (unknown.length === 0) return;
    this.#known = [...secrets, ...this.#known.filter((known) => !secrets.includes(known))];
    this.#values = new SecretValues(this.#known);
  }
}

function isSame(one: Stats, other: Stats): boolean {
  return one.ino === other.ino && one.mtimeMs === other.mtimeMs && one.size === other.size;
}

function readSecretFile(path: string): string {
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
function parse(text: string, path: string): readonly Secret[] {
  try {
    const document = JSON.parse(text) as { version?: unknown; secrets?: unknown };
    if (document.version !== version || !Array.isArray(document.secrets)) throw unreadable(path);
    return checkSecrets(document.secrets.map(parseSecret));
  } catch {
    // Without a cause, which would quote what it could not read.
    throw unreadable(path);
  }
}

function parseSecret({ name, value, sourceKind }: Record<string, unknown>): Secret {
  const kind = secretSourceKinds.find((known) => known === sourceKind);
  return {
    name: checkSecretName(String(name), "a secret"),
    value: checkSecretValue(String(name), String(value)),
    sourceKind: kind ?? "value",
  };
}

function unreadable(path: string): PyroError {
  return new PyroError("secrets_unreadable", `The workspace's secrets in ${path} cannot be read.`, {
    hint: "Nothing that could show them is run. Remove the file and set the secrets again.",
  });
}

function notFound(name: string, secrets: readonly Secret[]): PyroError {
  const names = secrets.map((secret) => secret.name);
  const meant = nearest(name, names);
  const others = names.length === 0 ? "It has none." : `It has ${names.join(", ")}.`;
  return new PyroError("secret_not_found", `The workspace has no secret "${name}".`, {
    hint: meant === undefined ? others : `Did you mean ${meant}?`,
  });
}
