import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { TLSSocket } from "node:tls";
import type { BrokerParts } from "../../model/brokered-credential.ts";
import { BrokeredRequests } from "./brokered-requests.ts";
import { Http1 } from "./http1.ts";
import { joinHttp2 } from "./http2.ts";
import { KnownValues } from "./known-values.ts";
import { type Destination, Refusal } from "./refusal.ts";
import { type Protocol, protocolOf, TlsToHosts } from "./tls-to-host.ts";
import { TlsWithGuest } from "./tls-with-guest.ts";

const both = ["h2", "http/1.1"] as const;
/** Where a credential is for all hosts below a name, a guest may ask for any number of them. */
const knownHostsMax = 256;

/** A connection that a guest has asked for, to a host with a credential. */
export interface BrokeredConnection extends Destination {
  /** To the host. */
  readonly socket: Socket;
  /** Makes another one to the same address, over which is found out what the host speaks. */
  readonly dial: () => Promise<Socket>;
}

/**
 * Puts credentials into what one workspace sends to their hosts, and takes them out of what comes back. It ends the guest's TLS in the
 * place of the host, with a certificate of the workspace's own authority, and has TLS of its own with the host.
 */
export class CredentialBroker {
  readonly #parts: BrokerParts;
  readonly #withGuest: TlsWithGuest;
  readonly #toHosts = new TlsToHosts();
  readonly #values = new KnownValues();
  readonly #http1 = new Http1();
  /** By host and port. */
  readonly #spoken = new Map<string, Protocol>();

  private constructor(parts: BrokerParts, withGuest: TlsWithGuest) {
    this.#parts = parts;
    this.#withGuest = withGuest;
  }

  static async open(parts: BrokerParts): Promise<CredentialBroker> {
    return new CredentialBroker(parts, new TlsWithGuest(await parts.ca()));
  }

  /** Serves what the guest sends on `guest`, until either side ends. Never rejects. */
  async serve(guest: Duplex, connection: BrokeredConnection): Promise<void> {
    const { host, port } = connection;
    const requests = new BrokeredRequests(
      { host, port },
      { parts: this.#parts, values: this.#values },
    );
    guest.on("error", () => undefined);
    connection.socket.on("error", () => undefined);
    try {
      await this.#join(guest, connection, requests);
    } catch (error) {
      const why = error instanceof Refusal ? error.message : "The connection could not be served.";
      requests.refused(why);
      guest.destroy();
      connection.socket.destroy();
    }
  }

  async #join(
    guest: Duplex,
    connection: BrokeredConnection,
    requests: BrokeredRequests,
  ): Promise<void> {
    const { host, socket } = connection;
    const spoken = await this.#spokenBy(connection);
    const protocols = spoken === "http/1.1" ? ([spoken] as const) : both;
    const secure = await this.#withGuest.open(guest, { host, protocols });
    const protocol = protocolOf(secure);
    const hostSide =
      spoken instanceof Refusal ? spoken : await this.#toHost(socket, { host, protocol });
    if (hostSide instanceof Refusal) {
      this.#spoken.delete(keyOf(connection));
      socket.destroy();
    } else if (secure.destroyed || hostSide.destroyed) throw new Refusal(502, `${host} has left.`);
    const joined = { guest: secure, host: hostSide, requests };
    if (protocol === "h2") joinHttp2(joined);
    else this.#http1.join(joined);
  }

  /** The newest version of HTTP that a host speaks: a client is offered nothing else. It is found out once. */
  async #spokenBy(connection: BrokeredConnection): Promise<Protocol | Refusal> {
    const { host, dial } = connection;
    const known = this.#spoken.get(keyOf(connection));
    if (known !== undefined) return known;
    try {
      const secure = await this.#toHosts.open(await dial(), { host, protocols: both });
      secure.destroy();
      if (this.#spoken.size >= knownHostsMax) this.#spoken.clear();
      this.#spoken.set(keyOf(connection), protocolOf(secure));
      return protocolOf(secure);
    } catch (error) {
      return error instanceof Refusal ? error : new Refusal(502, `${host} takes no connection.`);
    }
  }

  async #toHost(
    socket: Socket,
    { host, protocol }: { host: string; protocol: Protocol },
  ): Promise<TLSSocket | Refusal> {
    try {
      const secure = await this.#toHosts.open(socket, { host, protocols: [protocol] });
      if (protocolOf(secure) === protocol) return secure;
      secure.destroy();
      return new Refusal(502, `${host} speaks another version of HTTP than a moment ago.`);
    } catch (error) {
      if (error instanceof Refusal) return error;
      throw error;
    }
  }
}

function keyOf({ host, port }: Destination): string {
  return `${host}:${port}`;
}
