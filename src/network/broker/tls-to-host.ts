import type { Socket } from "node:net";
import {
  connect,
  createSecureContext,
  getCACertificates,
  type SecureContext,
  type TLSSocket,
} from "node:tls";
import { systemErrorCode } from "../../model/errors.ts";
import { Refusal } from "./refusal.ts";

/** What both sides can speak. */
export type Protocol = "h2" | "http/1.1";

const handshakeMs = 30_000;

/** Speaks TLS with the hosts themselves, and believes what this machine believes. */
export class TlsToHosts {
  #context: SecureContext | undefined;

  /** TLS over a connection to a host, with one of `protocols`. Throws a {@link Refusal} where the host does not prove to be who it should be. */
  async open(
    socket: Socket,
    { host, protocols }: { host: string; protocols: readonly Protocol[] },
  ): Promise<TLSSocket> {
    // Node's own list with what NODE_EXTRA_CA_CERTS adds to it, and the system's.
    this.#context ??= createSecureContext({
      ca: [...getCACertificates("default"), ...getCACertificates("system")],
    });
    const secure = connect({
      socket,
      servername: host,
      ALPNProtocols: [...protocols],
      secureContext: this.#context,
      rejectUnauthorized: true,
      minVersion: "TLSv1.2",
    });
    const failure = await failureOf(secure);
    // Whoever has it next learns of what goes wrong by its end.
    secure.on("error", () => undefined);
    if (failure === undefined) return secure;
    secure.destroy();
    socket.destroy();
    throw new Refusal(
      502,
      `${host} cannot be spoken with over TLS: ${reasons[failure] ?? failure}.`,
    );
  }
}

/** What was chosen; who knows nothing of choosing speaks HTTP/1.1. */
export function protocolOf({ alpnProtocol }: TLSSocket): Protocol {
  return alpnProtocol === "h2" ? "h2" : "http/1.1";
}

/** Why a handshake failed, by code alone: a message may quote what the host sent. Undefined once it succeeded. */
function failureOf(secure: TLSSocket): Promise<string | undefined> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => settle("ETIMEDOUT"), handshakeMs);
    const failed = (error: Error) => settle(systemErrorCode(error) ?? "the handshake fails");
    const closed = () => settle("ECONNRESET");
    const settle = (failure?: string) => {
      clearTimeout(timer);
      secure.off("error", failed).off("close", closed);
      resolve(failure);
    };
    secure.once("error", failed).once("close", closed);
    secure.once("secureConnect", () => settle());
  });
}

const reasons: Readonly<Record<string, string>> = {
  DEPTH_ZERO_SELF_SIGNED_CERT: "nobody but itself has signed its certificate",
  SELF_SIGNED_CERT_IN_CHAIN: "this machine does not trust who signed its certificate",
  UNABLE_TO_GET_ISSUER_CERT: "this machine does not know who signed its certificate",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "this machine does not know who signed its certificate",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "this machine does not know who signed its certificate",
  CERT_HAS_EXPIRED: "its certificate has expired",
  CERT_NOT_YET_VALID: "its certificate is not valid yet",
  ERR_TLS_CERT_ALTNAME_INVALID: "its certificate is for other hosts",
  ECONNRESET: "it closed the connection",
  ETIMEDOUT: "it does not answer",
};
