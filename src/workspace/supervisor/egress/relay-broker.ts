import type { Duplex } from "node:stream";
import type { BrokerParts } from "../../../model/brokered-credential.ts";
import type {
  BrokeredConnection,
  CredentialBroker,
} from "../../../network/broker/credential-broker.ts";
import { isForHost } from "../../../network/broker/credential-hosts.ts";
import type { Destination } from "../../../network/decide.ts";

/** Serves the guest's end of a connection in the place of a host. */
export type Service = (
  guest: Duplex,
  connection: Pick<BrokeredConnection, "socket" | "dial">,
) => void;

/** A workspace's broker, which is loaded when one of its programs first asks for the host of a credential. */
export class RelayBroker {
  readonly #parts: BrokerParts | undefined;
  #broker: Promise<CredentialBroker> | undefined;

  /** Without `parts` there are no credentials. */
  constructor(parts: BrokerParts | undefined) {
    this.#parts = parts;
  }

  /** What serves a connection to `destination`; undefined where no credential is for it. Rejects where one is and cannot be used: nothing passes then. */
  async for({ host, port }: Destination): Promise<Service | undefined> {
    const parts = this.#parts;
    if (parts === undefined || host === null || port === null) return undefined;
    if (!parts.credentials().some((one) => isForHost(one, host, port))) return undefined;
    this.#broker ??= open(parts);
    // One that did not open is opened anew the next time.
    void this.#broker.catch(() => {
      this.#broker = undefined;
    });
    const broker = await this.#broker;
    return (guest, connection) => void broker.serve(guest, { host, port, ...connection });
  }
}

async function open(parts: BrokerParts): Promise<CredentialBroker> {
  const { CredentialBroker } = await import("../../../network/broker/credential-broker.ts");
  return await CredentialBroker.open(parts);
}
