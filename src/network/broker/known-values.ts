import type { BrokeredCredential } from "../../model/brokered-credential.ts";
import { PyroError } from "../../model/errors.ts";
import { SecretValues } from "../../secrets/redaction.ts";
import { Refusal } from "./refusal.ts";

/** Hosts may still answer with what a credential was before it was renewed. */
const keptValuesMax = 4;

/** The values of a workspace's credentials, as far as they were asked for: what no answer may show. */
export class KnownValues {
  readonly #values = new Map<string, readonly string[]>();
  #all = new SecretValues([]);

  /** All of them, ready to be found. */
  get all(): SecretValues {
    return this.#all;
  }

  /** A credential's value as it is now. Throws a {@link Refusal}. */
  async valueOf(credential: BrokeredCredential): Promise<string> {
    const value = await askFor(credential);
    const known = this.#values.get(credential.name) ?? [];
    if (known[0] === value) return value;
    const others = known.filter((one) => one !== value).slice(0, keptValuesMax - 1);
    this.#values.set(credential.name, [value, ...others]);
    this.#all = new SecretValues(
      [...this.#values].flatMap(([name, values]) => values.map((one) => ({ name, value: one }))),
    );
    return value;
  }
}

async function askFor(credential: BrokeredCredential): Promise<string> {
  const { name } = credential;
  let known: string;
  try {
    known = await credential.value();
  } catch (error) {
    const why = error instanceof PyroError ? `: ${error.message}` : ".";
    throw new Refusal(502, `The credential ${name} has no value now${why}`);
  }
  if (known !== "") return known;
  throw new Refusal(502, `The value of the credential ${name} is empty now.`);
}
