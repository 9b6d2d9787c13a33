import type { AgentClient } from "../../channel/agent-client.ts";
import type { BrokerParts, WorkspaceCa } from "../../model/brokered-credential.ts";
import { PyroError } from "../../model/errors.ts";
import type { Secret, SecretsChange } from "../../model/secrets.ts";
import { SecretValues } from "../../secrets/redaction.ts";
import { LiveCredentials } from "../supervisor/credentials/live-credentials.ts";
import { holdSecrets } from "../supervisor/place-secrets.ts";

/** The credentials of a machine that lives for one command of this process, and in the memory of this process alone. */
export class OneShotCredentials {
  readonly #live: LiveCredentials;
  readonly #ca: WorkspaceCa;
  readonly #secrets: readonly Secret[];
  readonly #known: Pick<Secret, "name" | "value">[];
  #values: SecretValues;

  /** Of what `askedSecrets` answers; undefined without a credential. */
  static of({ set, ca }: SecretsChange): OneShotCredentials | undefined {
    const plain = set.find(({ brokered }) => brokered === undefined);
    if (plain !== undefined)
      throw new PyroError(
        "invalid_argument",
        `The secret ${plain.name} is no credential, and a VM of one command takes nothing else.`,
        { hint: `Say which hosts it is for: --credential ${plain.name}=HOST` },
      );
    return ca === undefined ? undefined : new OneShotCredentials(set, ca);
  }

  private constructor(secrets: readonly Secret[], ca: WorkspaceCa) {
    this.#secrets = secrets;
    this.#ca = ca;
    this.#known = secrets.filter(({ value }) => value !== "");
    this.#values = new SecretValues(this.#known);
    this.#live = new LiveCredentials({
      secrets: () => secrets,
      learn: (name, value) => {
        this.#known.push({ name, value });
        this.#values = new SecretValues(this.#known);
      },
    });
  }

  /** What no output may show. */
  values(): SecretValues {
    return this.#values;
  }

  /** For whoever lets the machine out; what is refused, its programs are told themselves. */
  brokerParts(): BrokerParts {
    return {
      credentials: () => this.#live.list(),
      ca: async () => this.#ca,
      told: () => undefined,
    };
  }

  place(client: AgentClient): Promise<void> {
    return holdSecrets(client, { secrets: this.#secrets, ca: this.#ca });
  }
}
