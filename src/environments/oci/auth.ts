import { PyroError } from "../../model/errors.ts";
import { type Challenge, parseChallenges } from "./challenge.ts";
import type { Credentials, FoundCredentials } from "./credentials.ts";
import { badDocument, parseDocument } from "./documents.ts";
import { type GuardedTransport, hostAndPort } from "./guarded-transport.ts";
import { imageLimits } from "./limits.ts";
import { quoteForeign } from "./quote.ts";
import { discard, failedResponse, readDocument } from "./responses.ts";

export interface AuthenticatorOptions {
  readonly registry: string;
  readonly repository: string;
  readonly found: FoundCredentials;
  readonly transport: GuardedTransport;
  /** `HOST:PORT` of token servers that may be private and without TLS. */
  readonly exemptHosts: ReadonlySet<string>;
}

/**
 * Answers one repository's challenges. The password is sent to the registry itself (Basic) or to
 * the token server it names, never along a redirect; the token only to the registry.
 */
export class Authenticator {
  readonly #options: AuthenticatorOptions;
  #authorization: string | undefined;
  #pending: Promise<string> | undefined;

  constructor(options: AuthenticatorOptions) {
    this.#options = options;
  }

  /** The current `Authorization` header for the registry, or undefined before any challenge. */
  get authorization(): string | undefined {
    return this.#authorization;
  }

  /**
   * Obtains a new authorization after a 401 to a request that carried `rejected`. Requests that run
   * side by side share one answer.
   */
  async answer(
    header: string | undefined,
    rejected: string | undefined,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    if (this.#authorization !== rejected) return;
    this.#pending ??= this.#obtain(parseChallenges(header ?? ""), signal).finally(() => {
      this.#pending = undefined;
    });
    this.#authorization = await this.#pending;
  }

  /** The error for a registry that still refuses. */
  denied(detail: string): PyroError {
    const { registry, repository, found } = this.#options;
    const who = found.credentials
      ? `the credentials of ${quoteForeign(found.credentials.username)}`
      : "anonymous access";
    return new PyroError(
      "registry_denied",
      `${registry} refused ${who} to ${repository}${detail ? `: ${detail}` : ""}.`,
      {
        hint: found.credentials
          ? `Check that the image exists and that the user may pull it, or log in again: docker login ${registry}`
          : (found.note ??
            `Check that the image exists; if it is private, log in first: docker login ${registry}`),
      },
    );
  }

  async #obtain(
    challenges: readonly Challenge[],
    signal: AbortSignal | undefined,
  ): Promise<string> {
    const bearer = challenges.find(({ scheme }) => scheme === "bearer");
    if (bearer) return `Bearer ${await this.#fetchToken(bearer, signal)}`;
    const { credentials } = this.#options.found;
    if (challenges.some(({ scheme }) => scheme === "basic") && credentials)
      return basic(credentials);
    throw this.denied("");
  }

  async #fetchToken(challenge: Challenge, signal: AbortSignal | undefined): Promise<string> {
    const { transport, exemptHosts, repository, found } = this.#options;
    const url = tokenUrl(challenge, `repository:${repository}:pull`);
    const authorization = found.credentials && basic(found.credentials);
    const response = await transport.get({
      url,
      headers: authorization ? { authorization } : {},
      exemptHosts,
      signal,
    });
    const server = `token server ${quoteForeign(hostAndPort(url))}`;
    if (response.status === 401 || response.status === 403) {
      discard(response);
      throw this.denied(`its ${server} answered ${response.status}`);
    }
    if (response.status >= 300 && response.status < 400) {
      discard(response);
      throw new PyroError("address_refused", `The ${server} redirects, which is not followed.`, {
        hint: "Use another registry; this one is broken or hostile.",
      });
    }
    if (response.status !== 200) throw await failedResponse(response, `The ${server}`);
    const body = await readDocument(response, {
      bytesMax: imageLimits.tokenAnswerBytes,
      what: `answer of the ${server}`,
    });
    return tokenIn(body, `answer of the ${server}`);
  }
}

function tokenUrl(challenge: Challenge, scope: string): URL {
  const realm = challenge.parameters.get("realm") ?? "";
  if (!URL.canParse(realm))
    throw new PyroError(
      "registry_lied",
      `The registry names the token server ${quoteForeign(realm)}.`,
      {
        hint: "Check the registry's name; this one cannot say who hands out its tokens.",
      },
    );
  const url = new URL(realm);
  const service = challenge.parameters.get("service");
  if (service !== undefined) url.searchParams.set("service", service);
  // Our own scope and not the one asked for: pulling is all that is ever wanted.
  url.searchParams.set("scope", scope);
  return url;
}

function tokenIn(body: Uint8Array, what: string): string {
  const { token, access_token } = parseDocument(body, what);
  const found = typeof token === "string" && token !== "" ? token : access_token;
  if (
    typeof found !== "string" ||
    found.length > imageLimits.tokenCharacters ||
    !/^[\x21-\x7e]+$/.test(found)
  )
    throw badDocument(what, "has no usable token");
  return found;
}

function basic({ username, password }: Credentials): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;
}
