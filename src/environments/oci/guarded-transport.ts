import { lookup as systemLookup } from "node:dns";
import type { IncomingHttpHeaders, IncomingMessage, OutgoingHttpHeaders } from "node:http";
import { type ClientRequest, Agent as HttpAgent, request as httpRequest } from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import { isIP, type LookupFunction } from "node:net";
import { PyroError } from "../../model/errors.ts";
import { isPublicAddress } from "./addresses.ts";
import { transferPolicy } from "./limits.ts";
import { networkFailure, stalled } from "./network-failure.ts";
import { quoteForeign } from "./quote.ts";

export interface TransportOptions {
  /** Resolves host names. Default: the system's resolver. */
  readonly lookup?: LookupFunction | undefined;
  /** Longest silence. Default: 30 s. */
  readonly stallTimeoutMs?: number | undefined;
}

export interface GuardedRequest {
  readonly url: URL;
  readonly headers: OutgoingHttpHeaders;
  /** `HOST:PORT` that may be visited without TLS and on private addresses. */
  readonly exemptHosts: ReadonlySet<string>;
  readonly signal: AbortSignal | undefined;
}

export interface GuardedResponse {
  readonly url: URL;
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** Must be read to its end or destroyed. */
  readonly body: IncomingMessage;
}

/**
 * Speaks HTTP to addresses on the public internet only. The address that is dialled is the one that
 * is checked, so that no name, number form or second resolution leads anywhere else.
 */
export class GuardedTransport {
  readonly stallTimeoutMs: number;
  readonly #lookup: LookupFunction;
  // Kept apart, so that a connection made under an exemption never serves a request without one.
  readonly #exemptPlain = new HttpAgent({ keepAlive: true });
  readonly #exemptTls = new HttpsAgent({ keepAlive: true });
  readonly #guardedTls = new HttpsAgent({ keepAlive: true });

  constructor(options: TransportOptions = {}) {
    this.stallTimeoutMs = options.stallTimeoutMs ?? transferPolicy.stallTimeoutMs;
    this.#lookup = options.lookup ?? (systemLookup as LookupFunction);
  }

  /** One GET; redirects come back as they are. */
  async get(request: GuardedRequest): Promise<GuardedResponse> {
    const { url, headers, exemptHosts } = request;
    const isExempt = exemptHosts.has(hostAndPort(url));
    checkUrl(url, isExempt);
    const settings = {
      method: "GET",
      headers: { "user-agent": "pyro", "accept-encoding": "identity", ...headers },
      lookup: isExempt ? this.#lookup : guarded(this.#lookup),
      ...(request.signal && { signal: request.signal }),
    };
    request.signal?.throwIfAborted();
    const sent =
      url.protocol === "https:"
        ? httpsRequest(url, { ...settings, agent: isExempt ? this.#exemptTls : this.#guardedTls })
        : httpRequest(url, { ...settings, agent: this.#exemptPlain });
    const body = await this.#answer(sent, url);
    return { url, status: body.statusCode ?? 0, headers: body.headers, body };
  }

  /** Closes idle connections. */
  close(): void {
    for (const agent of [this.#exemptPlain, this.#exemptTls, this.#guardedTls]) agent.destroy();
  }

  #answer(sent: ClientRequest, url: URL): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => sent.destroy(stalled(url, this.stallTimeoutMs)),
        this.stallTimeoutMs,
      );
      sent.once("response", (response) => {
        clearTimeout(timer);
        // Between two readers nobody listens, and an unheard error would end the process.
        response.on("error", () => {});
        resolve(response);
      });
      sent.on("error", (error) => {
        clearTimeout(timer);
        reject(networkFailure(error, url));
      });
      sent.end();
    });
  }
}

/** `HOST:PORT` of a URL, the port always spelled. */
export function hostAndPort(url: URL): string {
  return `${url.hostname}:${url.port || (url.protocol === "http:" ? "80" : "443")}`;
}

function checkUrl(url: URL, isExempt: boolean): void {
  if (url.protocol !== "https:" && !(url.protocol === "http:" && isExempt))
    throw new PyroError(
      "address_refused",
      `The registry leads to ${quoteForeign(url.href)}, which is not https.`,
      { hint: exemptionHint(url) },
    );
  if (url.username || url.password)
    throw new PyroError(
      "address_refused",
      `The registry leads to an address with a user name in it, on ${quoteForeign(url.host)}.`,
      { hint: "Use another registry; this one is broken or hostile." },
    );
  // Node dials a literal address without asking the lookup function.
  const literal = url.hostname.replace(/^\[(.*)\]$/, "$1");
  if (!isExempt && isIP(literal) !== 0 && !isPublicAddress(literal))
    throw refusedAddress(url.hostname, literal, exemptionHint(url));
}

function guarded(lookup: LookupFunction): LookupFunction {
  return (hostname, options, callback) => {
    lookup(hostname, { ...options, all: true }, (error, found) => {
      if (error) return callback(error, []);
      const addresses = Array.isArray(found) ? found : [];
      const allowed = addresses.filter(({ address }) => isPublicAddress(address));
      const [first] = allowed;
      if (first === undefined)
        return callback(refusedAddress(hostname, addresses[0]?.address ?? "nothing"), []);
      return options.all ? callback(null, allowed) : callback(null, first.address, first.family);
    });
  };
}

function refusedAddress(host: string, address: string, hint = namedHint): PyroError {
  return new PyroError(
    "address_refused",
    `The registry leads to ${quoteForeign(host)} at ${quoteForeign(address)}, which is not a public address.`,
    { hint },
  );
}

const namedHint =
  "If you trust the registry you named and it has a private address, list its HOST:PORT in PYRO_INSECURE_REGISTRIES.";

function exemptionHint(url: URL): string {
  return `If ${quoteForeign(hostAndPort(url))} is the registry you named and you trust it, list it in PYRO_INSECURE_REGISTRIES.`;
}
