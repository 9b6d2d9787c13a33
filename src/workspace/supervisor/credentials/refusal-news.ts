import type { BrokerEvent } from "../../../model/brokered-credential.ts";
import { destinationText } from "../../../model/egress.ts";

/** A guest can be refused as often as it likes. */
const toldMax = 100;

/** Says once what keeps a credential from being used. */
export class RefusalNews {
  readonly #told = new Set<string>();
  readonly #say: (text: string) => void;

  constructor(say: (text: string) => void) {
    this.#say = say;
  }

  tell(event: BrokerEvent): void {
    if (event.kind !== "refused") return;
    const text = `refused for ${destinationText(event.host, event.port)}: ${event.reason}`;
    if (this.#told.has(text) || this.#told.size >= toldMax) return;
    this.#told.add(text);
    this.#say(text);
  }
}
