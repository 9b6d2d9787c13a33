import { type Address, isSame, parseAddress } from "../address.ts";
import { classify } from "../address-class.ts";
import { ProxyExceptions } from "./exceptions.ts";
import { type HostProxy, looksNamesUp, parseProxy, proxyText } from "./proxy.ts";
import { type ProxySettings, proxyVariable } from "./proxy-settings.ts";

/** A destination that a proxy may be asked for. */
export interface ProxiedDestination {
  readonly host: string | null;
  /** Null where this machine does not know it. */
  readonly address: Address | null;
  readonly port: number;
}

/** What these are to this machine, they are not to a proxy: it would reach its own. */
const ownClasses: readonly string[] = ["loopback", "link-local", "metadata", "host"];

/** The proxies by which this machine reaches what is outside. */
export class Proxies {
  /** There are none. */
  static readonly none = new Proxies({ http: "", https: "", all: "", none: "" });

  readonly #http: HostProxy | undefined;
  readonly #https: HostProxy | undefined;
  readonly #all: HostProxy | undefined;
  readonly #exceptions: ProxyExceptions;

  /** Throws `invalid_argument` where a proxy is named that cannot be used: nobody is to be let out another way than was asked for. */
  constructor(settings: ProxySettings) {
    const read = (of: "http" | "https" | "all") => parseProxy(proxyVariable(of), settings[of]);
    this.#http = read("http");
    this.#https = read("https");
    this.#all = read("all");
    this.#exceptions = new ProxyExceptions(settings.none);
  }

  get list(): readonly HostProxy[] {
    const known = [this.#https, this.#http, this.#all].filter((one) => one !== undefined);
    return known.filter(
      (one, index) => known.findIndex((other) => proxyText(other) === proxyText(one)) === index,
    );
  }

  /** By which one `destination` is reached; null for directly. `hostAddresses` are those of this machine. */
  routeTo(
    { host, address, port }: ProxiedDestination,
    hostAddresses: readonly Address[],
  ): HostProxy | null {
    if (address !== null && ownClasses.includes(classify(address, hostAddresses))) return null;
    if (this.#exceptions.has(host, address, port)) return null;
    return this.#ofPort(port) ?? null;
  }

  /** The same of a name that this machine does not know: only a proxy that looks names up leads there. */
  routeToName(host: string, port: number | null): HostProxy | null {
    const ofAny = port === null ? this.list.find(looksNamesUp) : this.#ofPort(port);
    if (ofAny === undefined || !looksNamesUp(ofAny)) return null;
    return this.#exceptions.has(host, null, port ?? 0) ? null : ofAny;
  }

  /** Whether that is one of these themselves. `known` are the addresses of those that have names. */
  isOne({ host, address, port }: ProxiedDestination, known: ProxyAddresses): boolean {
    return this.list.some((proxy) => {
      if (proxy.port !== port) return false;
      if (host !== null && host === proxy.host) return true;
      const own = parseAddress(proxy.host);
      const addresses = own === undefined ? (known.get(proxy.host) ?? []) : [own];
      return address !== null && addresses.some((one) => isSame(one, address));
    });
  }

  /** Those of these that listen on `port` and have names. */
  namesAt(port: number): readonly string[] {
    const those = this.list.filter((proxy) => proxy.port === port);
    return those.map(({ host }) => host).filter((host) => parseAddress(host) === undefined);
  }

  /** What speaks what is told by the port alone: 80 is HTTP, and 443 HTTPS. */
  #ofPort(port: number): HostProxy | undefined {
    if (port === 80) return this.#http ?? this.#all;
    if (port === 443) return this.#https ?? this.#all;
    return this.#all ?? this.#https ?? this.#http;
  }
}

/** What the names of proxies mean. */
export type ProxyAddresses = ReadonlyMap<string, readonly Address[]>;
