import type { EgressDecision, EgressPreset } from "../model/egress.ts";
import { type Address, isIn } from "./address.ts";
import { type AddressClass, classify } from "./address-class.ts";
import { nameOf, whyInternal, whyLeftToProxy } from "./decision-texts.ts";
import { registryHosts, registryPorts } from "./registries.ts";
import { isInternalName, type PortRange, type Rule } from "./rule.ts";
import { RuleIndex } from "./rule-index.ts";

/** What a policy depends on beside its own text. */
export interface PolicyFacts {
  /** This machine's own addresses. */
  readonly hostAddresses: readonly Address[];
  /** HOST:PORT that this machine's own package managers name as their index; they may be on its own networks. */
  readonly ownRegistries: readonly string[];
}

/** A policy made ready to decide. */
export interface PreparedPolicy {
  readonly hostAddresses: readonly Address[];
  /** Their ports by host. */
  readonly ownRegistries: ReadonlyMap<string, readonly number[]>;
  readonly preset: EgressPreset;
  readonly denials: RuleIndex;
  readonly permissions: RuleIndex;
}

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

export function preparePolicy(
  preset: EgressPreset,
  rules: readonly Rule[],
  facts: PolicyFacts,
): PreparedPolicy {
  const those = (action: Rule["action"]) =>
    new RuleIndex(rules.filter((rule) => rule.action === action));
  return {
    hostAddresses: facts.hostAddresses,
    ownRegistries: portsByHost(facts.ownRegistries),
    preset,
    denials: those("deny"),
    permissions: those("allow"),
  };
}

/**
 * Whether `destination` may be reached: denials win, then the first rule that allows it, then what an address is, then the preset.
 * A name without an address is denied only where no address could change that, so that nobody is asked about it.
 */
export function decide(policy: PreparedPolicy, destination: Destination): EgressDecision {
  const { host, address, port } = destination;
  const addressClass = address === null ? null : classify(address, policy.hostAddresses);
  const facts: Facts = { ...destination, addressClass, registry: registryKind(policy, host, port) };
  const what = nameOf(destination);

  const denial = policy.denials.find(host, (rule) => isDenial(rule, facts));
  if (denial !== undefined) return deny(denial.text, `A rule denies ${what}.`);
  const permission = policy.permissions.find(host, (rule) => isPermission(rule, facts));
  if (permission !== undefined) return allow(permission.text, `A rule allows ${what}.`);

  const rule = `preset ${policy.preset}`;
  const isOwn = policy.preset === "registries" && isReachableRegistry(facts);
  if (facts.isProxy) return deny("default deny proxy", whyInternal(facts));
  // Nobody could tell whether that is public: what the name's owner tells the proxy alone may lead into its network.
  if (facts.isLeftToProxy && !isOwn) return deny("default deny unknown", whyLeftToProxy(facts));
  if (isInternal(facts) && !isOwn) return deny(`default deny ${addressClass}`, whyInternal(facts));
  if (policy.preset === "open") return allow(rule, `${what} is public.`);
  if (isOwn) return allow(rule, `${what} is a registry of packages or source code.`);
  if (host !== null && address === null && policy.permissions.hasAddresses)
    return allow(rule, `${what} depends on its address.`);
  if (policy.preset === "none") return deny(rule, `No rule allows ${what}.`);
  return deny(rule, `${what} is no registry of packages or source code, and no rule allows it.`);
}

/** A destination with what is known of it. */
interface Facts extends Destination {
  readonly addressClass: AddressClass | null;
  /** Of the machine's own, or of the list. */
  readonly registry: "own" | "listed" | null;
}

function allow(rule: string, reason: string): EgressDecision {
  return { verdict: "allow", rule, reason };
}

function deny(rule: string, reason: string): EgressDecision {
  return { verdict: "deny", rule, reason };
}

function isDenial({ target, ports }: Rule, facts: Facts): boolean {
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

function isPermission({ target, ports }: Rule, facts: Facts): boolean {
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

function isInternal({ addressClass, host, isLeftToProxy }: Facts): boolean {
  if (isLeftToProxy) return host === null || isInternalName(host);
  return addressClass !== null && addressClass !== "public";
}

/**
 * Only one that the machine's own configuration names may be on its own networks; some of these use addresses that are reserved, as do
 * mirrors that stand in for public hosts.
 */
function isReachableRegistry(facts: Facts): boolean {
  if (facts.registry === null || !isInternal(facts)) return facts.registry !== null;
  const { addressClass, isLeftToProxy } = facts;
  const isOfOwnNetwork = addressClass === "private" || addressClass === "reserved";
  return facts.registry === "own" && (isOfOwnNetwork || isLeftToProxy === true);
}

function registryKind(
  { ownRegistries }: PreparedPolicy,
  host: string | null,
  port: number | null,
): Facts["registry"] {
  if (host === null) return null;
  const ownPorts = ownRegistries.get(host);
  if (ownPorts !== undefined && (port === null || ownPorts.includes(port))) return "own";
  return registries.has(host) && (port === null || registryPorts.includes(port)) ? "listed" : null;
}

function portsByHost(endpoints: readonly string[]): ReadonlyMap<string, readonly number[]> {
  const ports = new Map<string, number[]>();
  for (const endpoint of endpoints) {
    const colon = endpoint.lastIndexOf(":");
    const host = endpoint.slice(0, colon);
    ports.set(host, [...(ports.get(host) ?? []), Number(endpoint.slice(colon + 1))]);
  }
  return ports;
}

const registries: ReadonlySet<string> = new Set(registryHosts);

function includes(ports: readonly PortRange[], port: number): boolean {
  return ports.some(([first, last]) => first <= port && port <= last);
}
