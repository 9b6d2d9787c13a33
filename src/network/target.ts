import type { EgressDecision } from "../model/egress.ts";
import type { Address } from "./address.ts";
import { type Destination, decide, type PreparedPolicy } from "./decide.ts";
import { type LookUp, NameResolver } from "./name-resolver.ts";
import type { Proxies, ProxyAddresses } from "./proxies/proxies.ts";
import type { HostProxy } from "./proxies/proxy.ts";

/** What a connection is asked for to: a host by its name, or an address. */
export type Wanted =
  | { readonly host: string; readonly address: null; readonly port: number }
  | { readonly host: null; readonly address: Address; readonly port: number };

/** One of the addresses of what is wanted, and what is decided about it. */
export interface Candidate extends Destination {
  readonly port: number;
  readonly decision: EgressDecision;
}

/** What would be dialled. */
export interface Target {
  /** Of the best candidate, or of the name alone. */
  readonly decision: EgressDecision;
  /** All that is known; empty where the name alone decided, or nobody knows it. */
  readonly candidates: readonly Candidate[];
  /** Those that may be dialled, all of them by the same way; where none may, the first of all. */
  readonly chosen: readonly Candidate[];
  /** Null: none. */
  readonly proxy: HostProxy | null;
  /** Nothing means this name. */
  readonly isUnknown: boolean;
}

export interface TargetsParts {
  /** As it is now; asked for every decision. */
  readonly policy: () => PreparedPolicy;
  readonly proxies: Proxies;
}

/** How long this machine may take to look up what a proxy can as well. */
const patienceMs = 2_500;

/** Finds out what is meant and decides about it: the same for what is tried, and for what is asked about beforehand. */
export class Targets {
  readonly #policy: () => PreparedPolicy;
  readonly #proxies: Proxies;
  readonly #names = new NameResolver();

  constructor({ policy, proxies }: TargetsParts) {
    this.#policy = policy;
    this.#proxies = proxies;
  }

  /** What a program is told of a name. One that is denied whatever it means is nobody's to ask for: its connection is told why. */
  async existence(host: string): Promise<"ok" | "unknown" | "failed"> {
    const { verdict } = decide(this.#policy(), { host, address: null, port: null });
    if (verdict === "deny") return "ok";
    const { kind } = await this.#lookUp(host, null);
    if (kind === "found" || this.#proxies.routeToName(host, null) !== null) return "ok";
    return kind;
  }

  async find(wanted: Wanted): Promise<Target> {
    const { host, port } = wanted;
    if (host === null) return this.#among([await this.#candidate(wanted)]);
    const decision = decide(this.#policy(), wanted);
    const byName = { decision, candidates: [], chosen: [], proxy: null, isUnknown: false };
    if (decision.verdict === "deny") return byName;
    const found = await this.#lookUp(host, port);
    if (found.kind === "found" && found.addresses.length > 0)
      return this.#among(
        await Promise.all(
          found.addresses.map((address) => this.#candidate({ host, address, port })),
        ),
      );
    const proxy = this.#proxies.routeToName(host, port);
    if (proxy === null) return { ...byName, isUnknown: true };
    const left = await this.#candidate({ host, address: null, port, isLeftToProxy: true });
    return { ...byName, decision: left.decision, candidates: [left], chosen: [left], proxy };
  }

  #among(candidates: readonly Candidate[]): Target {
    const { hostAddresses } = this.#policy();
    const allowed = candidates.filter(({ decision }) => decision.verdict === "allow");
    const [best] = allowed.length > 0 ? allowed : candidates;
    if (best === undefined) throw new TypeError("a name that was found has addresses");
    const wayOf = (one: Candidate) =>
      this.#proxies.routeTo({ ...one, host: one.host ?? null }, hostAddresses);
    const direct = allowed.filter((one) => wayOf(one) === null);
    const chosen = direct.length > 0 ? direct : allowed.length > 0 ? allowed : [best];
    const [first = best] = chosen;
    return { decision: first.decision, candidates, chosen, proxy: wayOf(first), isUnknown: false };
  }

  async #candidate(destination: Destination & { readonly port: number }): Promise<Candidate> {
    const isProxy = this.#proxies.isOne(destination, await this.#proxyAddresses(destination.port));
    const whole = { ...destination, isProxy };
    return { ...whole, decision: decide(this.#policy(), whole) };
  }

  /** Where a proxy would know the name, nobody waits for this machine's own servers, which may not answer at all. */
  #lookUp(host: string, port: number | null): Promise<LookUp> {
    if (this.#proxies.routeToName(host, port) === null) return this.#names.lookUp(host);
    return this.#impatiently(host);
  }

  async #impatiently(host: string): Promise<LookUp> {
    const late = Promise.withResolvers<LookUp>();
    const timer = setTimeout(() => late.resolve({ kind: "failed" }), patienceMs);
    try {
      return await Promise.race([this.#names.lookUp(host), late.promise]);
    } finally {
      clearTimeout(timer);
    }
  }

  async #proxyAddresses(port: number): Promise<ProxyAddresses> {
    const found = await Promise.all(
      this.#proxies.namesAt(port).map(async (name) => {
        const known = await this.#impatiently(name);
        return [name, known.kind === "found" ? known.addresses : []] as const;
      }),
    );
    return new Map(found);
  }
}
