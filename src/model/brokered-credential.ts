/** A credential whose value stays on the host: the guest has a placeholder of the same shape. */
export interface BrokeredCredential {
  readonly name: string;
  /** `HOST` or `HOST:PORT` each, in lower case, 443 where none is named; `*.SUFFIX` is every host below it, and not itself. */
  readonly hosts: readonly string[];
  readonly placeholder: string;
  /** In upper case. Absent: all. */
  readonly methods?: readonly string[] | undefined;
  /** What the path of a request begins with, whole segments. Absent: all. */
  readonly paths?: readonly string[] | undefined;
  /** The value as it is now, which may be another the next time. Rejects with a PyroError that never quotes it. */
  value(): Promise<string>;
}

/** What signs for the hosts of one workspace's credentials, in PEM. The guest is given the certificate alone. */
export interface WorkspaceCa {
  readonly certificatePem: string;
  readonly keyPem: string;
}

/** What became of one request, or of a connection that came to none. It never quotes a value or a query. */
export type BrokerEvent =
  | {
      readonly kind: "used";
      /** The credential's name. */
      readonly credential: string;
      readonly host: string;
      readonly port: number;
      readonly method: string;
      /** What the host answered with. */
      readonly status: number;
    }
  | {
      readonly kind: "refused";
      readonly host: string;
      readonly port: number;
      /** One sentence. */
      readonly reason: string;
    };

/** All that the relay needs to put credentials into what leaves one workspace. */
export interface BrokerParts {
  /** As they are now; asked for every connection and request. */
  readonly credentials: () => readonly BrokeredCredential[];
  /** Asked for once, when a connection to a host with a credential is first made. */
  readonly ca: () => Promise<WorkspaceCa>;
  /** Told of every request that a value was put into, and of all that was refused. */
  readonly told: (event: BrokerEvent) => void;
}
