import { destinationText } from "../../model/egress.ts";
import { PyroError } from "../../model/errors.ts";
import { addressText, parseAddress } from "../address.ts";
import { hostName } from "../rule.ts";

export type ProxyKind = "http" | "https" | "socks5" | "socks5h";

/** A proxy of the host's. */
export interface HostProxy {
  readonly kind: ProxyKind;
  /** Name or address. */
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
}

const defaultPorts: Readonly<Record<ProxyKind, number>> = {
  http: 80,
  https: 443,
  socks5: 1080,
  socks5h: 1080,
};

/** As a field of SOCKS holds them. */
const credentialBytesMax = 255;

/** The proxy that `variable` names; undefined where it is empty. Throws `invalid_argument`, which repeats nothing of a text that may hold a password. */
export function parseProxy(variable: string, text: string): HostProxy | undefined {
  if (text === "") return undefined;
  // Without a scheme it is HTTP, as everybody takes it.
  const whole = text.includes("://") ? text : `http://${text}`;
  const url = URL.canParse(whole) ? new URL(whole) : undefined;
  const kind = url?.protocol.slice(0, -1) ?? "";
  if (url === undefined || !isKind(kind)) throw unusable(variable, whole);
  const bare = url.hostname.replace(/^\[(.*)\]$/, "$1");
  const address = parseAddress(bare);
  const host = address === undefined ? hostName(bare) : addressText(address);
  const [user, password] = [decoded(url.username), decoded(url.password)];
  const isLong = [user, password].some((one) => Buffer.byteLength(one) > credentialBytesMax);
  if (host === undefined || isLong) throw unusable(variable, whole);
  return { kind, host, port: Number(url.port) || defaultPorts[kind], user, password };
}

/** HOST:PORT, which is all that anybody is told of one. */
export function proxyText({ host, port }: HostProxy): string {
  return destinationText(host, port);
}

/** Whether it is asked for names that this machine does not know. */
export function looksNamesUp({ kind }: HostProxy): boolean {
  return kind !== "socks5";
}

function isKind(text: string): text is ProxyKind {
  return Object.hasOwn(defaultPorts, text);
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function unusable(variable: string, text: string): PyroError {
  const scheme = /^[a-z][a-z0-9+.-]{0,20}(?=:\/\/)/i.exec(text)?.[0] ?? "";
  const what = isKind(scheme) ? "is no URL of a host" : `has the scheme "${scheme}"`;
  return new PyroError("invalid_argument", `The proxy of ${variable} cannot be used: it ${what}.`, {
    hint: `Set ${variable} to http://HOST:PORT, https://…, socks5://… or socks5h://… with USER:PASSWORD@ before the host where it asks for them, or unset it.`,
  });
}
