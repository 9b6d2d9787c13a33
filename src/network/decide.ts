import type { EgressDecision, EgressPreset, ProjectRules } from "../model/egress.ts";
import type { Address } from "./address.ts";
import { classify } from "./address-class.ts";
import { nameOf, whyInternal, whyLeftToProxy } from "./decision-texts.ts";
import {
  type Destination,
  type Facts,
  isDenial,
  isInternal,
  isPermission,
  isReachableRegistry,
} from "./match-rule.ts";
import { type PreparedProject, prepareProject, projectRefusal } from "./project-rules.ts";
import { registryHosts, registryPorts } from "./registries.ts";
import type { Rule } from "./rule.ts";
import { RuleIndex } from "./rule-index.ts";

/** What a policy depends on beside its own text. */
export interface PolicyFacts {
  /** This machine's own addresses. */
  readonly hostAddresses: readonly Address[];
  /** HOST:PORT that this machine's own package managers name as their index; they may be on its own networks. */
  readonly ownRegistries: readonly string[];
  /** What refuses beside it. Default: nothing. */
  readonly project?: ProjectRules | null | undefined;
}

/** A policy made ready to decide. */
export interface PreparedPolicy {
  readonly hostAddresses: readonly Address[];
  /** Their ports by host. */
  readonly ownRegistries: ReadonlyMap<string, readonly number[]>;
  readonly preset: EgressPreset;
  readonly denials: RuleIndex;
  readonly permissions: RuleIndex;
  readonly project: PreparedProject | null;
}

export type { Destination } from "./match-rule.ts";

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
    project: facts.project ? prepareProject(facts.project) : null,
  };
}

/**
 * Whether `destination` may be reached. What the project's own file refuses is refused, and named before all else: no rule would
 * help. Then denials win, then the first rule that allows it, then what an address is, then the preset.
 * A name without an address is denied only where no address could change that, so that nobody is asked about it.
 */
export function decide(policy: PreparedPolicy, destination: Destination): EgressDecision {
  const { host, address, port } = destination;
  const addressClass = address === null ? null : classify(address, policy.hostAddresses);
  const facts: Facts = { ...destination, addressClass, registry: registryKind(policy, host, port) };
  return projectRefusal(policy.project, facts) ?? decideAsked(policy, facts);
}

/** By what people asked for alone. */
function decideAsked(policy: PreparedPolicy, facts: Facts): EgressDecision {
  const { host, address, addressClass } = facts;
  const what = nameOf(facts);

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

function allow(rule: string, reason: string): EgressDecision {
  return { verdict: "allow", rule, reason };
}

function deny(rule: string, reason: string): EgressDecision {
  return { verdict: "deny", rule, reason };
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
