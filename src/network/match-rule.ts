import { type Address, isIn } from "./address.ts";
import type { AddressClass } from "./address-class.ts";
import { isInternalName, type PortRange, type Rule } from "./rule.ts";

/** What is decided about. */
export interface Destination {
  /** In lower case, without a dot at the end; null where an address was asked for. */
  readonly host: string | null;
  /** What would be dialled; null before the name is looked up. */
  readonly address: Address | null;
  /** Null when only a name is looked up. */
  readonly port: number | null;
  /** Its address is for a proxy of the host to find, and nobody else's to know. */
  readonly isLeftToProxy?: boolean;
  /** It is a proxy of the host itself. */
  readonly isProxy?: boolean;
}

/** A destination with what is known of it. */
export interface Facts extends Destination {
  readonly addressClass: AddressClass | null;
  /** Of the machine's own, or of the list. */
  readonly registry: "own" | "listed" | null;
}

/** Whether a rule that denies is about it. */
export function isDenial({ target, ports }: Rule, facts: Facts): boolean {
  // A name is looked up for any port: only a rule about all of them denies that.
  if (ports !== null && (facts.port === null || !includes(ports, facts.port))) return false;
  switch (target.kind) {
    case "host":
      return true;
    case "suffix":
      return true;
    case "block":
      if (facts.address === null) return facts.isLeftToProxy === true;
      return isIn(facts.address, target.block);
    case "group":
      if (target.group === "registries") return facts.registry !== null;
      // It could be.
      return facts.isLeftToProxy === true || facts.addressClass === target.group;
  }
}

/** Whether a rule that allows opens it. */
export function isPermission({ target, ports }: Rule, facts: Facts): boolean {
  if (ports !== null && facts.port !== null && !includes(ports, facts.port)) return false;
  const { address, addressClass } = facts;
  switch (target.kind) {
    case "host":
    case "suffix":
      // Whoever owns the name says where it leads, and was not given the host's own network with it.
      return !isInternal(facts) && !facts.isProxy;
    case "block":
      if (address === null || !isIn(address, target.block)) return false;
      // No block that happens to hold it is meant for this machine, or for what hands out its credentials.
      return (
        !(addressClass === "metadata" || addressClass === "host") ||
        target.block.bits === address.length * 8
      );
    case "group":
      return target.group === "registries"
        ? isReachableRegistry(facts)
        : addressClass === target.group;
  }
}

export function isInternal({ addressClass, host, isLeftToProxy }: Facts): boolean {
  if (isLeftToProxy) return host === null || isInternalName(host);
  return addressClass !== null && addressClass !== "public";
}

/**
 * Only one that the machine's own configuration names may be on its own networks; some of these use addresses that are reserved, as do
 * mirrors that stand in for public hosts.
 */
export function isReachableRegistry(facts: Facts): boolean {
  if (facts.registry === null || !isInternal(facts)) return facts.registry !== null;
  const { addressClass, isLeftToProxy } = facts;
  const isOfOwnNetwork = addressClass === "private" || addressClass === "reserved";
  return facts.registry === "own" && (isOfOwnNetwork || isLeftToProxy === true);
}

/** Whether `target` names it, or its address, whatever that address is. */
export function isNamedBy({ target, ports }: Rule, facts: Facts): boolean {
  if (ports !== null && facts.port !== null && !includes(ports, facts.port)) return false;
  switch (target.kind) {
    case "host":
    case "suffix":
      return true;
    case "block":
      return facts.address !== null && isIn(facts.address, target.block);
    case "group":
      return target.group === "registries"
        ? facts.registry !== null
        : facts.addressClass === target.group;
  }
}

function includes(ports: readonly PortRange[], port: number): boolean {
  return ports.some(([first, last]) => first <= port && port <= last);
}
