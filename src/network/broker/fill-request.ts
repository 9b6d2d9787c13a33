import type { BrokeredCredential } from "../../model/brokered-credential.ts";
import type { RequestHead } from "./check-request.ts";
import { type Header, Refusal } from "./refusal.ts";

/** These say where a message ends and what becomes of its connection. */
const framing = new Set([
  "host",
  "connection",
  "content-length",
  "expect",
  "keep-alive",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

export interface Filled {
  readonly target: string;
  readonly headers: readonly Header[];
  /** Whose value is in them. */
  readonly used: readonly BrokeredCredential[];
}

/**
 * Puts values in the place of placeholders: in the query, in header fields, and in the name and password of `Authorization: Basic`. Nowhere
 * else does a host look for credentials. `credentials` are those of the host. Throws a {@link Refusal}.
 */
export function fillRequest(
  { method, target, headers }: RequestHead,
  credentials: ReadonlyMap<BrokeredCredential, string>,
): Filled {
  const used = new Set<BrokeredCredential>();
  const path = target.split("?", 1)[0] as string;
  const inOne = new Replacement(credentials, (credential, value) => {
    checkUse(credential, { method, path });
    used.add(credential);
    return onWire(credential.name, value);
  });
  const inQuery = new Replacement(credentials, (credential, value) => {
    checkUse(credential, { method, path });
    used.add(credential);
    return encodeURIComponent(value);
  });
  return {
    target: path + inQuery.of(target.slice(path.length)),
    headers: headers.map(([name, value]) => {
      const lowerCase = name.toLowerCase();
      if (framing.has(lowerCase) || name.startsWith(":")) return [name, value];
      return [name, lowerCase === "authorization" ? inOne.ofAuthorization(value) : inOne.of(value)];
    }),
    used: [...used],
  };
}

/** Whether a credential may be used for a method and a path: a path that could mean another one is none of those that are named. */
export function mayUse(
  { methods, paths }: Pick<BrokeredCredential, "methods" | "paths">,
  { method, path }: { method: string; path: string },
): boolean {
  if (methods !== undefined && !methods.includes(method)) return false;
  if (paths === undefined) return true;
  return !leadsElsewhere(path) && paths.some((prefix) => isBelow(path, prefix));
}

function checkUse(
  credential: BrokeredCredential,
  asked: { readonly method: string; readonly path: string },
): void {
  if (mayUse(credential, asked)) return;
  const { name, methods, paths } = credential;
  const limits = [methods?.join(", "), paths?.join(", ")].filter((text) => text !== undefined);
  throw new Refusal(403, `The credential ${name} is for ${limits.join(" on ")} alone.`);
}

function isBelow(path: string, prefix: string): boolean {
  return path === prefix || path.startsWith(prefix.endsWith("/") ? prefix : `${prefix}/`);
}

/** Whether a server could walk up from a path, however often it decodes it. */
function leadsElsewhere(path: string): boolean {
  let text = path;
  for (let decoded = decode(text); decoded !== text; decoded = decode(text)) text = decoded;
  return /(^|[/\\])\.{1,2}([/\\;]|$)/.test(text);
}

function decode(text: string): string {
  return text.replace(/%(25|2e|2f|3b|5c)/gi, (code) =>
    String.fromCharCode(Number(`0x${code.slice(1)}`)),
  );
}

type Value = (credential: BrokeredCredential, value: string) => string;

/** Replaces all placeholders in one pass, so that no value is taken for one. */
class Replacement {
  readonly #byText = new Map<string, () => string>();
  readonly #pattern: RegExp;

  constructor(credentials: ReadonlyMap<BrokeredCredential, string>, written: Value) {
    for (const [credential, value] of credentials)
      for (const text of [credential.placeholder, encodeURIComponent(credential.placeholder)])
        if (!this.#byText.has(text)) this.#byText.set(text, () => written(credential, value));
    const longestFirst = [...this.#byText.keys()].toSorted(
      (one, other) => other.length - one.length,
    );
    this.#pattern = new RegExp(longestFirst.map(literally).join("|"), "g");
  }

  of(text: string): string {
    if (this.#byText.size === 0) return text;
    return text.replace(this.#pattern, (found) => this.#byText.get(found)?.() ?? found);
  }

  ofAuthorization(text: string): string {
    const [, scheme, encoded = ""] = /^(Basic +)([\w+/=-]+) *$/i.exec(text) ?? [];
    if (scheme === undefined) return this.of(text);
    const pair = Buffer.from(encoded, "base64").toString("latin1");
    const filled = this.of(pair);
    return filled === pair
      ? this.of(text)
      : scheme + Buffer.from(filled, "latin1").toString("base64");
  }
}

function literally(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&");
}

/** Header fields are bytes, which Node writes down as characters. */
function onWire(name: string, value: string): string {
  const text = Buffer.from(value).toString("latin1");
  if (/^[\t\x20-\x7e\x80-\xff]+$/.test(text)) return text;
  throw new Refusal(
    502,
    `The value of the credential ${name} has characters that no header can have.`,
  );
}
