import { networkInterfaces } from "node:os";
import { distance } from "fastest-levenshtein";
import { type EgressPolicy, type EgressRules, egressPresets } from "../model/egress.ts";
import { PyroError } from "../model/errors.ts";
import { limits } from "../model/limits.ts";
import { nearest } from "../model/nearest.ts";
import { type Address, parseAddress } from "./address.ts";
import { type PreparedPolicy, preparePolicy } from "./decide.ts";
import { ownRegistries } from "./own-registries/own-registries.ts";
import { parseRule, type Rule, ruleGroups } from "./rule.ts";

/** Every rule in its one spelling, none twice. Throws `invalid_argument`. */
export function checkPolicy({ preset, rules }: EgressRules): EgressRules {
  if (!egressPresets.includes(preset)) {
    const guess = nearest(String(preset), egressPresets);
    throw new PyroError(
      "invalid_argument",
      `The network preset is ${JSON.stringify(preset)}, but must be one of ${egressPresets.join(", ")}.`,
      guess === undefined ? {} : { hint: `Did you mean ${guess}?` },
    );
  }
  if (rules.length > limits.networkRulesMax)
    throw new PyroError(
      "invalid_argument",
      `There are ${rules.length} network rules; ${limits.networkRulesMax} are the limit.`,
      { hint: "Name suffixes (*.example.com) or blocks of addresses instead of each host." },
    );
  return { preset, rules: [...new Set(rules.map((rule) => parseRule(rule).text))] };
}

/**
 * The policy as it is kept, with what the caller's package managers name now: who enforces it later sees another environment, and
 * must decide the same. Throws `invalid_argument`.
 */
export function policyHere(asked: EgressRules): EgressPolicy {
  const checked = checkPolicy(asked);
  return { ...checked, ownRegistries: isAboutRegistries(checked) ? ownRegistries() : [] };
}

function isAboutRegistries({ preset, rules }: EgressRules): boolean {
  if (preset === "registries") return true;
  return rules
    .map((rule) => parseRule(rule).target)
    .some((target) => target.kind === "group" && target.group === "registries");
}

/** The policy, ready to decide on this machine as it is now. */
export function preparedHere({ preset, rules, ownRegistries }: EgressPolicy): PreparedPolicy {
  return preparePolicy(preset, rules.map(parseRule), {
    hostAddresses: ownAddresses(),
    ownRegistries,
  });
}

/** What of a policy does nothing, or more than it seems to; sentences. */
export function warningsOf({ preset, rules }: EgressRules): string[] {
  const parsed = rules.map(parseRule);
  return parsed.flatMap((rule) => [...warningsOfRule(rule, parsed, preset)]);
}

function* warningsOfRule(
  { action, target, ports, text }: Rule,
  all: readonly Rule[],
  preset: EgressRules["preset"],
): Generator<string> {
  if (target.kind === "suffix" && !target.parent.includes("."))
    yield `"${text}" is about every host below .${target.parent}.`;
  if (target.kind === "host" && !target.host.includes(".")) {
    const { host } = target;
    const group = ruleGroups.find((one) => distance(host, one) === 1);
    if (group !== undefined)
      yield `"${text}" is about a host named ${host}, not about the group ${group}.`;
  }
  if (action === "deny" && preset === "none" && !all.some((rule) => rule.action === "allow"))
    yield `"${text}" never matters: preset none allows nothing.`;
  const same = JSON.stringify(target);
  const denied = all.find(
    (rule) =>
      rule.action === "deny" &&
      rule.ports === null &&
      action === "allow" &&
      JSON.stringify(rule.target) === same,
  );
  if (denied !== undefined) yield `"${text}" never matters: "${denied.text}" wins.`;
  const wider = all.find(
    (rule) =>
      rule.action === action &&
      rule.ports === null &&
      ports !== null &&
      JSON.stringify(rule.target) === same,
  );
  if (wider !== undefined) yield `"${text}" adds nothing to "${wider.text}".`;
}

function ownAddresses(): Address[] {
  return Object.values(networkInterfaces())
    .flatMap((addresses = []) => addresses)
    .map(({ address }) => parseAddress(address.replace(/%.*$/, "")))
    .filter((address) => address !== undefined);
}
