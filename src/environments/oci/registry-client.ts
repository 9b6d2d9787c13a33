import { createHash } from "node:crypto";
import { PyroError, systemErrorCode } from "../../model/errors.ts";
import { Authenticator } from "./auth.ts";
import { readCredentials } from "./credentials.ts";
import type { Digest } from "./digest.ts";
import {
  type GuardedResponse,
  GuardedTransport,
  type TransportOptions,
} from "./guarded-transport.ts";
import { imageLimits } from "./limits.ts";
import type { ServedDocument } from "./manifest.ts";
import { acceptedManifests } from "./media-types.ts";
import { quoteForeign } from "./quote.ts";
import { type RedirectRule, redirectTarget } from "./redirects.ts";
import { apiHost, formatReference, type ImageReference } from "./reference.ts";
import { bodyExcerpt, discard, failedResponse, readDocument } from "./responses.ts";

export interface RegistryClientOptions extends TransportOptions {
  readonly reference: ImageReference;
  /** File in the format of Docker's config.json; may be absent. */
  readonly authFile: string;
  /** `HOST[:PORT]` that may be private and without TLS. */
  readonly insecureRegistries: readonly string[];
}

export interface ServedManifest extends ServedDocument {
  /** Computed from the bytes, never taken from a header. */
  readonly digest: Digest;
}

interface RegistryRequest {
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly redirects: RedirectRule;
  readonly signal: AbortSignal | undefined;
}

/** Reads one repository through the distribution API. */
export class RegistryClient implements Disposable {
  readonly reference: ImageReference;
  readonly #transport: GuardedTransport;
  readonly #authFile: string;
  /** The registry itself, if listed as insecure; a redirect to another listed one stays refused. */
  readonly #exemptHosts: ReadonlySet<string>;
  readonly #exemptTokenHosts: ReadonlySet<string>;
  #auth: Promise<Authenticator> | undefined;
  #base: Promise<URL> | undefined;

  constructor(options: RegistryClientOptions) {
    this.reference = options.reference;
    this.#transport = new GuardedTransport(options);
    this.#authFile = options.authFile;
    const listed = new Set(options.insecureRegistries.map(withPort));
    const own = withPort(apiHost(options.reference.registry));
    this.#exemptHosts = new Set(listed.has(own) ? [own] : []);
    this.#exemptTokenHosts = listed.has(own) ? listed : new Set();
  }

  /** Longest silence of a transfer. */
  get stallTimeoutMs(): number {
    return this.#transport.stallTimeoutMs;
  }

  /** The manifest or index under a tag or digest, its bytes checked against the digest. */
  async fetchManifest(wanted: string, signal?: AbortSignal): Promise<ServedManifest> {
    const response = await this.#get({
      path: `manifests/${wanted}`,
      headers: { accept: acceptedManifests },
      redirects: "same-host",
      signal,
    });
    if (response.status === 404) {
      const said = await bodyExcerpt(response);
      throw new PyroError(
        "environment_not_found",
        `${formatReference(this.reference)} is not in its registry${said}.`,
        { hint: "Check the name and the tag." },
      );
    }
    if (response.status !== 200) throw await failedResponse(response, this.#name);
    const bytes = await readDocument(response, {
      bytesMax: imageLimits.manifestBytes,
      what: "manifest",
    });
    const digest: Digest = `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
    requireManifestDigest(digest, wanted, response);
    return { bytes, digest, contentType: response.headers["content-type"] };
  }

  /** A blob's bytes from `offsetBytes` on: status 206, or 200 and all of it, or 416. */
  async openBlob(
    digest: Digest,
    offsetBytes: number,
    signal: AbortSignal | undefined,
  ): Promise<GuardedResponse> {
    const response = await this.#get({
      path: `blobs/${digest}`,
      ...(offsetBytes > 0 && { headers: { range: `bytes=${offsetBytes}-` } }),
      redirects: "anywhere",
      signal,
    });
    if (response.status === 200 || response.status === 206 || response.status === 416)
      return response;
    throw await failedResponse(response, `Asked for blob ${digest}, ${this.#name}`);
  }

  [Symbol.dispose](): void {
    this.#transport.close();
  }

  get #name(): string {
    return `the registry ${this.reference.registry}`;
  }

  async #get(request: RegistryRequest): Promise<GuardedResponse> {
    this.#base ??= this.#findBase(request.signal);
    this.#auth ??= this.#makeAuthenticator();
    const [base, auth] = await Promise.all([this.#base, this.#auth]).catch((error) => {
      this.#base = undefined;
      throw error;
    });
    const url = new URL(`/v2/${this.reference.repository}/${request.path}`, base);
    for (let isRepeated = false; ; isRepeated = true) {
      const { authorization } = auth;
      const response = await this.#follow(url, request, authorization);
      if (response.status !== 401 && response.status !== 403) return response;
      const said = await bodyExcerpt(response);
      // Only the registry itself may ask who we are; a host it redirects to may not.
      if (isRepeated || response.status === 403 || response.url.origin !== url.origin)
        throw auth.denied(`${response.status}${said}`);
      await auth.answer(response.headers["www-authenticate"], authorization, request.signal);
    }
  }

  async #follow(
    start: URL,
    request: RegistryRequest,
    authorization: string | undefined,
  ): Promise<GuardedResponse> {
    let url = start;
    for (let redirects = 0; ; redirects++) {
      const response = await this.#transport.get({
        url,
        headers: { ...request.headers, ...(authorization && redirects === 0 && { authorization }) },
        exemptHosts: this.#exemptHosts,
        signal: request.signal,
      });
      if (![301, 302, 303, 307, 308].includes(response.status)) return response;
      discard(response);
      if (redirects >= imageLimits.redirects)
        throw new PyroError(
          "registry_lied",
          `${this.#name} redirects more than ${imageLimits.redirects} times, last to ${quoteForeign(url.host)}.`,
          { hint: "Use another registry; this one is broken." },
        );
      url = redirectTarget(url, response.headers.location, request.redirects);
    }
  }

  async #makeAuthenticator(): Promise<Authenticator> {
    const { registry, repository } = this.reference;
    return new Authenticator({
      registry,
      repository,
      found: await readCredentials(this.#authFile, registry),
      transport: this.#transport,
      exemptHosts: this.#exemptTokenHosts,
    });
  }

  /** TLS wherever it is spoken; without it only to a listed registry that does not speak it. */
  async #findBase(signal: AbortSignal | undefined): Promise<URL> {
    const host = apiHost(this.reference.registry);
    const secure = new URL(`https://${host}/`);
    if (this.#exemptHosts.size === 0) return secure;
    try {
      const url = new URL("/v2/", secure);
      discard(
        await this.#transport.get({ url, headers: {}, exemptHosts: this.#exemptHosts, signal }),
      );
      return secure;
    } catch (error) {
      if (!speaksNoTls(error)) throw error;
      return new URL(`http://${host}/`);
    }
  }
}

function speaksNoTls(error: unknown): boolean {
  const cause = error instanceof PyroError ? error.cause : undefined;
  const code = systemErrorCode(cause) ?? "";
  return code === "EPROTO" || code === "ECONNRESET" || code.startsWith("ERR_SSL_");
}

function requireManifestDigest(digest: Digest, wanted: string, response: GuardedResponse): void {
  const claimed = response.headers["docker-content-digest"];
  const expected = wanted.startsWith("sha256:") ? wanted : claimed;
  if (expected === undefined || expected === digest) return;
  throw new PyroError(
    "digest_mismatch",
    `The manifest should be ${quoteForeign(String(expected))} but is ${digest}.`,
    { hint: "Pull again; if it happens again, the registry or something on the way is broken." },
  );
}

function withPort(hostAndMaybePort: string): string {
  const host = hostAndMaybePort.toLowerCase();
  return /:\d+$/.test(host) ? host : `${host}:443`;
}
