import type { BrokeredCredential } from "../../../model/brokered-credential.ts";
import type { ValueCommand } from "../../../model/credentials.ts";
import type { Secret } from "../../../model/secrets.ts";
import { runCredentialCommand } from "./credential-command.ts";

export interface CredentialsParts {
  /** As they are now. */
  readonly secrets: () => readonly Secret[];
  /** Told of every value that a command printed, before anybody uses it. */
  readonly learn: (name: string, value: string) => void;
}

interface Printed {
  readonly line: string;
  readonly at: number;
  readonly value: Promise<string>;
}

/** The credentials of a workspace as whoever puts them into requests needs them. What commands print is kept here alone. */
export class LiveCredentials {
  readonly #parts: CredentialsParts;
  readonly #printed = new Map<string, Printed>();

  constructor(parts: CredentialsParts) {
    this.#parts = parts;
  }

  /** Those of now; none where they cannot be read. */
  list(): readonly BrokeredCredential[] {
    return this.#secrets().flatMap(({ name, value, brokered }) => {
      if (brokered === undefined) return [];
      const { hosts, placeholder, methods, paths, command } = brokered;
      const current = () =>
        command === undefined ? Promise.resolve(value) : this.#valueOf(name, command);
      return [{ name, hosts, placeholder, methods, paths, value: current }];
    });
  }

  #secrets(): readonly Secret[] {
    try {
      return this.#parts.secrets();
    } catch {
      return [];
    }
  }

  #valueOf(name: string, command: ValueCommand): Promise<string> {
    const known = this.#printed.get(name);
    const isGood =
      known?.line === command.line && performance.now() - known.at < command.ttlSeconds * 1000;
    return isGood ? known.value : this.#print(name, command);
  }

  #print(name: string, command: ValueCommand): Promise<string> {
    const value = runCredentialCommand(name, command).then((text) => {
      this.#parts.learn(name, text);
      return text;
    });
    const printed = { line: command.line, at: performance.now(), value };
    this.#printed.set(name, printed);
    // One that failed is tried again by whoever comes next.
    value.catch(() => {
      if (this.#printed.get(name) === printed) this.#printed.delete(name);
    });
    return value;
  }
}
