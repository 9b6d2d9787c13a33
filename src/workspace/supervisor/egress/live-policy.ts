import { networkInterfaces } from "node:os";
import { closedEgressPolicy, type EgressPolicy } from "../../../model/egress.ts";
import type { PreparedPolicy } from "../../../network/decide.ts";
import { heldRules, inForce, preparedHere } from "../../../network/policy.ts";

/** How often this machine's own addresses are looked at, which change seldom. */
const lookMs = 5_000;

/** A workspace's policy as it is now, prepared again only when something changed that it depends on. */
export class LivePolicy {
  readonly #read: () => EgressPolicy | undefined;
  #prepared: { readonly of: string; readonly policy: PreparedPolicy } | undefined;
  #addresses: { readonly text: string; readonly at: number } | undefined;

  /** `read` answers what is kept; undefined where nothing is. */
  constructor(read: () => EgressPolicy | undefined) {
    this.#read = read;
  }

  /** One that cannot be read allows nothing. */
  get(): PreparedPolicy {
    const kept = inForce(this.#read() ?? closedEgressPolicy);
    const of = JSON.stringify([kept, heldRules(kept), this.#ownAddresses()]);
    if (this.#prepared?.of !== of) this.#prepared = { of, policy: prepare(kept) };
    return this.#prepared.policy;
  }

  #ownAddresses(): string {
    const now = performance.now();
    if (this.#addresses === undefined || now - this.#addresses.at >= lookMs)
      this.#addresses = { text: JSON.stringify(networkInterfaces()), at: now };
    return this.#addresses.text;
  }
}

function prepare(policy: EgressPolicy): PreparedPolicy {
  try {
    return preparedHere(policy);
  } catch {
    return preparedHere(closedEgressPolicy);
  }
}
