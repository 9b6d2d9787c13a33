import { generateKeyPairSync } from "node:crypto";
import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import {
  createSecureServer,
  type Http2SecureServer,
  type Http2ServerRequest,
  type Http2ServerResponse,
} from "node:http2";
import { createServer as createOldServer } from "node:https";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { pipeline } from "node:stream";
import {
  type ConnectionOptions,
  connect as connectTls,
  getCACertificates,
  setDefaultCACertificates,
  type TLSSocket,
} from "node:tls";
import type {
  BrokerEvent,
  BrokeredCredential,
  WorkspaceCa,
} from "../../src/model/brokered-credential.ts";
import { issueCa, issueForHost } from "../../src/network/broker/certificates.ts";
import { CredentialBroker } from "../../src/network/broker/credential-broker.ts";
import { standIn } from "../../src/workspace/supervisor/egress/stand-in.ts";

export type Asked = Http2ServerRequest | IncomingMessage;
export type Answer = (asked: Http2ServerRequest, response: Http2ServerResponse) => void;

/** Signs for the hosts themselves, as far away as it may seem; this process trusts it. */
const outside = issueCa();
setDefaultCACertificates([...getCACertificates("default"), outside.certificatePem]);

export interface BrokeredHostOptions {
  readonly host?: string;
  /** Speaks HTTP/1.1 alone. */
  readonly isOld?: boolean;
  /** Who has signed the host's certificate, and for whom. */
  readonly signedBy?: WorkspaceCa;
  readonly signedFor?: string;
  readonly credentials?: readonly BrokeredCredential[];
  /** Of a host that runs already, in the place of one of ours. */
  readonly port?: number;
  /** What clients think the host's port is: 443, or where they connect to. */
  readonly isOnFrontPort?: boolean;
}

/** A host on loopback that speaks HTTP over TLS, and before it a broker that real clients connect to as if it were the host. */
export class BrokeredHost implements AsyncDisposable {
  readonly host: string;
  readonly server: Http2SecureServer;
  readonly ca: WorkspaceCa;
  readonly events: BrokerEvent[] = [];
  credentials: readonly BrokeredCredential[];
  answer: Answer;
  /** Connections of guests that were made. */
  readonly guests = new Set<Socket>();
  #front: Server | undefined;

  private constructor(answer: Answer, options: BrokeredHostOptions) {
    this.host = options.host ?? "api.example";
    this.credentials = options.credentials ?? [];
    this.answer = answer;
    this.ca = issueCa();
    const identity = identityOf(options.signedFor ?? this.host, options.signedBy ?? outside);
    this.server = options.isOld
      ? (createOldServer(identity) as unknown as Http2SecureServer)
      : createSecureServer({ ...identity, allowHTTP1: true });
    this.server.on("request", (asked, response) => this.answer(asked, response));
    this.server.on("checkContinue", (asked, response) => {
      response.writeContinue();
      this.answer(asked, response);
    });
  }

  static async start(answer: Answer, options: BrokeredHostOptions = {}): Promise<BrokeredHost> {
    const started = new BrokeredHost(answer, options);
    started.server.listen(0, "127.0.0.1");
    await once(started.server, "listening");
    const broker = await CredentialBroker.open({
      credentials: () => started.credentials,
      ca: async () => started.ca,
      told: (event) => started.events.push(event),
    });
    const dial = async () => {
      const port = options.port ?? portOf(started.server);
      const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
      await once(socket, "connect");
      return socket;
    };
    started.#front = createServer({ allowHalfOpen: true, noDelay: true }, async (guest) => {
      started.guests.add(guest);
      guest.once("close", () => started.guests.delete(guest));
      const ends = standIn();
      pipeline(guest, ends.guest, guest, () => guest.destroy());
      const socket = await dial();
      await broker.serve(ends.broker, {
        host: started.host,
        port: options.isOnFrontPort ? started.port : 443,
        socket,
        dial,
      });
    });
    started.#front.listen(0, "127.0.0.1");
    await once(started.#front, "listening");
    return started;
  }

  /** Where the guest's clients connect to. */
  get port(): number {
    return portOf(this.#front as Server);
  }

  /** A client's end of a connection, as a program in the guest makes it. */
  async client(options: ConnectionOptions = {}): Promise<TLSSocket> {
    const socket = connectTls({
      socket: connect(this.port, "127.0.0.1"),
      servername: this.host,
      ca: this.ca.certificatePem,
      ALPNProtocols: ["http/1.1"],
      ...options,
    });
    await once(socket, "secureConnect");
    return socket.on("error", () => undefined);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const guest of this.guests) guest.destroy();
    this.#front?.close();
    this.server.close();
  }
}

/** A credential whose value is known beforehand. */
export function credential(
  value: string,
  rest: Partial<BrokeredCredential> = {},
): BrokeredCredential {
  return {
    name: "TOKEN",
    hosts: ["api.example"],
    placeholder: "ghp_PLACEHOLDERplaceholder0000000000",
    value: async () => value,
    ...rest,
  };
}

export async function bodyOf(asked: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of asked) chunks.push(chunk);
  return Buffer.concat(chunks);
}

export function identityOf(host: string, ca: WorkspaceCa = outside): { cert: string; key: string } {
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  return {
    cert: issueForHost(ca, host, publicKey).certificatePem,
    key: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
  };
}

export function portOf(server: { address(): AddressInfo | string | null }): number {
  return (server.address() as AddressInfo).port;
}
