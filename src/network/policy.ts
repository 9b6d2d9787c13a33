import { networkInterfaces } from "node:os";
import {
  type EgressPolicy,
  type EgressRules,
  egressPresets,
  type Learning,
  type ProjectRules,
  type TemporaryRule,
} from "../model/egress.ts";
import { PyroError } from "../model/errors.ts";
import { limits } from "../model/limits.ts";
import { nearest } from "../model/nearest.ts";
import { isAlive } from "../platform/processes.ts";
import { type Address, parseOwnAddress } from "./address.ts";
import { type PreparedPolicy, preparePolicy } from "./decide.ts";
import { ownRegistries } from "./own-registries/own-registries.ts";
import { parseRule, type Rule, targetRule } from "./rule.ts";

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
export function policyHere(
  asked: EgressRules,
  { temporaryRules = [], project = null }: PolicyParts = {},
): EgressPolicy {
  const { preset, rules } = checkPolicy(asked);
  const all = { preset, rules: [...rules, ...temporaryRules.map(({ rule }) => rule)] };
  checkPolicy(all);
  return {
    ...{ preset, rules, temporaryRules, project },
    ownRegistries: isAboutRegistries(all, project) ? ownRegistries() : [],
  };
}

/** What a policy has beside what is asked for. */
export interface PolicyParts {
  readonly temporaryRules?: readonly TemporaryRule[];
  readonly project?: ProjectRules | null;
}

function isAboutRegistries({ preset, rules }: EgressRules, project: ProjectRules | null): boolean {
  if (preset === "registries") return true;
  const ofProject = [...(project?.only ?? []), ...(project?.deny ?? [])];
  return [...rules.map(parseRule), ...ofProject.map((text) => targetRule("deny", text))].some(
    ({ target }) => target.kind === "group" && target.group === "registries",
  );
}

/** Those temporary rules that hold yet. */
export function heldRules({ temporaryRules }: EgressPolicy): TemporaryRule[] {
  return temporaryRules.filter(({ until }) => Date.parse(until) > Date.now());
}

/** All rules that hold now. */
export function rulesNow(policy: EgressPolicy): string[] {
  return [...policy.rules, ...heldRules(policy).map(({ rule }) => rule)];
}

/** The policy as it holds now: everything public is reachable while somebody who is still there learns what a command reaches. */
export function inForce({ learning, ...own }: EgressPolicy): EgressPolicy {
  if (!isGoingOn(learning)) return own;
  const rules = own.preset === "registries" ? [...own.rules, "allow registries"] : own.rules;
  return { ...own, preset: "open", rules };
}

/** Whoever learns is still there, and has time left. */
export function isGoingOn(learning: Learning | undefined): boolean {
  return learning !== undefined && Date.now() < learning.endsAtMs && isAlive(learning.by);
}

/** The policy, ready to decide on this machine as it is now. */
export function preparedHere(policy: EgressPolicy): PreparedPolicy {
  const now = inForce(policy);
  return preparePolicy(now.preset, rulesNow(now).map(parseRule), {
    hostAddresses: ownAddresses(),
    ownRegistries: now.ownRegistries,
    project: now.project,
  });
}

/** What of a policy does nothing, or more than it seems to; sentences. */
export function warningsOf({ preset, rules }: EgressRules): string[] {
  const parsed = rules.map(parseRule);
  const isIdle = preset === "none" && !parsed.some(({ action }) => action === "allow");
  const ofAllPorts = new Map(
    parsed
      .filter(({ ports }) => ports === null)
      .map((rule) => [keyOf(rule.action, rule), rule.text]),
  );
  return parsed.flatMap((rule) => [...warningsOfRule(rule, ofAllPorts, isIdle)]);
}

/** `ofAllPorts` are the rules that name no ports, by what they are about; `isIdle`: nothing is allowed that could be denied. */
function* warningsOfRule(
  rule: Rule,
  ofAllPorts: ReadonlyMap<string, string>,
  isIdle: boolean,
): Generator<string> {
  const { action, target, ports, text } = rule;
  if (target.kind === "suffix" && !target.parent.includes("."))
    yield `"${text}" is about every host below .${target.parent}.`;
  if (action === "deny" && isIdle) yield `"${text}" never matters: preset none allows nothing.`;
  const denied = action === "allow" ? ofAllPorts.get(keyOf("deny", rule)) : undefined;
  if (denied !== undefined) yield `"${text}" never matters: "${denied}" wins.`;
  const wider = ports === null ? undefined : ofAllPorts.get(keyOf(action, rule));
  if (wider !== undefined) yield `"${text}" adds nothing to "${wider}".`;
}

function keyOf(action: Rule["action"], { target }: Rule): string {
  return JSON.stringify([action, target]);
}

function ownAddresses(): Address[] {
  return Object.values(networkInterfaces())
    .flatMap((addresses = []) => addresses)
    .map(({ address }) => parseOwnAddress(address))
    .filter((address) => address !== undefined);
}
