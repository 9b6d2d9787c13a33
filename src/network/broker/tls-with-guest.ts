import { createPublicKey, generateKeyPairSync } from "node:crypto";
import type { Duplex } from "node:stream";
import { createSecureContext, createServer, type SecureContext, type TLSSocket } from "node:tls";
import type { WorkspaceCa } from "../../model/brokered-credential.ts";
import { systemErrorCode } from "../../model/errors.ts";
import { visibleText } from "../../model/text.ts";
import { issueForHost } from "./certificates.ts";
import { Refusal } from "./refusal.ts";
import type { Protocol } from "./tls-to-host.ts";

/** A certificate is made anew before clients would refuse it. */
const renewedBeforeMs = 7 * 86_400_000;
const keptHostsMax = 256;
/** An interpreted program in an emulated guest may need a minute for its part. */
const handshakeMs = 300_000;

interface Identity {
  readonly context: SecureContext;
  readonly validToMs: number;
}

/** Speaks TLS with a guest's programs in the place of hosts, for as long as one process looks after the workspace. */
export class TlsWithGuest {
  readonly #ca: WorkspaceCa;
  /** Of all hosts. */
  readonly #keyPem = generateKeyPairSync("ec", {
    namedCurve: "P-256",
    publicKeyEncoding: { type: "spki", format: "pem" },
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
  }).privateKey;
  /** By host, in the order in which they were made. */
  readonly #identities = new Map<string, Identity>();

  constructor(ca: WorkspaceCa) {
    this.#ca = ca;
  }

  /** What a client of `host` sends, and what it is sent. Throws a {@link Refusal} once the client was turned away. */
  open(
    guest: Duplex,
    { host, protocols }: { host: string; protocols: readonly Protocol[] },
  ): Promise<TLSSocket> {
    if (guest.destroyed) return Promise.reject(new Refusal(400, `A client of ${host} has left.`));
    const { context } = this.#identityOf(host);
    let named: string | undefined;
    // It has no certificate: clients that ask for another host are told that there is none.
    const server = createServer({
      handshakeTimeout: handshakeMs,
      SNICallback: (name, answer) => {
        named = name.toLowerCase();
        answer(null, named === host ? context : undefined);
      },
      ALPNCallback: ({ protocols: offered }) => protocols.find((one) => offered.includes(one)),
    });
    // Who ends a connection before it is secure is gone; afterwards he may still wait for an answer.
    guest.allowHalfOpen = false;
    return new Promise((resolve, reject) => {
      server.once("secureConnection", (secure) => {
        secure.allowHalfOpen = true;
        secure.on("error", () => undefined);
        resolve(secure);
      });
      server.once("tlsClientError", (error) => {
        guest.destroy();
        reject(new Refusal(400, whyNot({ code: systemErrorCode(error) ?? "", named, host })));
      });
      server.emit("connection", guest);
    });
  }

  #identityOf(host: string): Identity {
    const known = this.#identities.get(host);
    if (known !== undefined && known.validToMs - Date.now() > renewedBeforeMs) return known;
    const { certificatePem, validToMs } = issueForHost(
      this.#ca,
      host,
      createPublicKey(this.#keyPem),
    );
    const context = createSecureContext({ cert: certificatePem, key: this.#keyPem });
    const identity = { context, validToMs };
    this.#identities.delete(host);
    this.#identities.set(host, identity);
    const [oldest] = this.#identities.keys();
    if (this.#identities.size > keptHostsMax && oldest !== undefined)
      this.#identities.delete(oldest);
    return identity;
  }
}

/** One sentence for the log. */
function whyNot({
  code,
  named,
  host,
}: {
  readonly code: string;
  readonly named: string | undefined;
  readonly host: string;
}): string {
  if (named !== undefined && named !== host)
    return `A client of ${host} asks for ${visibleText(JSON.stringify(named), 120)} in its TLS handshake.`;
  if (/ALERT_(UNKNOWN_CA|BAD_CERTIFICATE|CERTIFICATE_UNKNOWN)$/.test(code) || code === "ECONNRESET")
    return `A client of ${host} does not trust the workspace's certificate authority.`;
  if (code === "ERR_SSL_NO_APPLICATION_PROTOCOL")
    return `A client of ${host} speaks no HTTP that the host speaks too.`;
  if (named === undefined && code.startsWith("ERR_SSL_NO_S"))
    return `A client of ${host} names no host in its TLS handshake.`;
  return `A client of ${host} fails in its TLS handshake: ${code === "" ? "it is none" : code}.`;
}
