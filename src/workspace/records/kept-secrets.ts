import { type Stats, statSync } from "node:fs";
import type { WorkspaceCa } from "../../model/brokered-credential.ts";
import { PyroError } from "../../model/errors.ts";
import { nearest } from "../../model/nearest.ts";
import {
  checkSecretName,
  checkSecrets,
  guestValue,
  type Secret,
  type SecretEnv,
  type SecretsChange,
} from "../../model/secrets.ts";
import type { WorkspaceSecrets } from "../../model/workspace-results.ts";
import { SecretValues } from "../../secrets/redaction.ts";
import { readSecretsFile, type SecretsDocument, writeSecretsFile } from "./secrets-file.ts";

const noSecrets: SecretsDocument = { secrets: [] };
const noValues = new SecretValues([]);

/**
 * A workspace's secrets in a file of its directory, which is the only place of the host that has them. Whoever changes it holds the
 * workspace's lock.
 */
export class KeptSecrets {
  readonly #path: string;
  #read: { readonly stats: Stats; readonly document: SecretsDocument } | undefined;
  /** Every value that this process has known: one that was replaced may be in what runs. */
  #known: readonly KnownValue[] = [];
  #values = noValues;

  constructor(path: string) {
    this.#path = path;
  }

  /** In the order in which they were first set. Throws `secrets_unreadable` when the file is damaged. */
  list(): readonly Secret[] {
    return this.#document().secrets;
  }

  /** What signs for the hosts of its credentials; undefined where there never was one. */
  ca(): WorkspaceCa | undefined {
    return this.#document().ca;
  }

  /** What may be told of them; nothing of a file that is damaged. */
  told(): WorkspaceSecrets["secrets"] {
    try {
      return this.list().map(({ name, sourceKind, brokered }) => ({
        ...{ name, sourceKind },
        credential: brokered === undefined ? null : toldOf(brokered),
      }));
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
      const value = guestValue(secret).replace(/[\r\n]+$/, "");
      return [checkSecretName(variable, "the variable of a secret"), value];
    });
    return Object.fromEntries(entries);
  }

  /** Answers what it did, for the journal. */
  change({ set, remove, ca }: SecretsChange): string {
    const { secrets, ca: keptCa } = this.#document();
    for (const name of remove)
      if (!secrets.some((secret) => secret.name === name)) throw notFound(name, secrets);
    const byName = new Map(secrets.map((secret) => [secret.name, secret]));
    for (const name of remove) byName.delete(name);
    for (const secret of set) byName.set(secret.name, secret);
    const wanted = checkSecrets([...byName.values()]);
    writeSecretsFile(this.#path, { secrets: wanted, ca: keptCa ?? ca });
    this.list();
    const done = [
      ...set.map(({ name }) => `${name} set`),
      ...remove.map((name) => `${name} removed`),
    ];
    return `secrets: ${done.join(", ")}`;
  }

  /** From now on this is a value that must not be seen. */
  learn(name: string, value: string): void {
    if (this.#known.some((known) => known.name === name && known.value === value)) return;
    this.#know([{ name, value }]);
  }

  #document(): SecretsDocument {
    const stats = statSync(this.#path, { throwIfNoEntry: false });
    if (stats === undefined) {
      this.#read = undefined;
      return noSecrets;
    }
    if (this.#read === undefined || !isSame(stats, this.#read.stats)) {
      const document = readSecretsFile(this.#path);
      this.#read = { stats, document };
      this.#know(document.secrets.filter(({ value }) => value !== ""));
    }
    return this.#read.document;
  }

  #know(secrets: readonly KnownValue[]): void {
    const isKnown = ({ name, value }: KnownValue) =>
      this.#known.some((known) => known.name === name && known.value === value);
    if (secrets.every(isKnown)) return;
    const others = this.#known.filter(
      ({ name, value }) => !secrets.some((one) => one.name === name && one.value === value),
    );
    this.#known = [...secrets, ...others];
    this.#values = new SecretValues(this.#known);
  }
}

type KnownValue = Pick<Secret, "name" | "value">;

function toldOf({
  hosts,
  methods,
  paths,
  variables,
}: NonNullable<Secret["brokered"]>): WorkspaceSecrets["secrets"][number]["credential"] {
  return {
    hosts: [...hosts],
    methods: methods === undefined ? null : [...methods],
    paths: paths === undefined ? null : [...paths],
    variables: [...variables],
  };
}

function isSame(one: Stats, other: Stats): boolean {
  return one.ino === other.ino && one.mtimeMs === other.mtimeMs && one.size === other.size;
}

function notFound(name: string, secrets: readonly Secret[]): PyroError {
  const names = secrets.map((secret) => secret.name);
  const meant = nearest(name, names);
  const others = names.length === 0 ? "It has none." : `It has ${names.join(", ")}.`;
  return new PyroError("secret_not_found", `The workspace has no secret "${name}".`, {
    hint: meant === undefined ? others : `Did you mean ${meant}?`,
  });
}
