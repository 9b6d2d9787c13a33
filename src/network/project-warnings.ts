import { type EgressPolicy, isOfProject, projectFileName, projectWayOut } from "../model/egress.ts";
import { type Destination, decide, type PreparedPolicy } from "./decide.ts";
import { preparedHere, rulesNow } from "./policy.ts";
import { parseRule, type Rule, type RuleTarget } from "./rule.ts";

/** Rules that allow what the project's own file refuses, as far as that can be told from the rule alone; sentences. */
export function warningsOfProject(policy: EgressPolicy): string[] {
  if (policy.project === null) return [];
  const prepared = preparedHere(policy);
  return rulesNow(policy)
    .map(parseRule)
    .filter(({ action }) => action === "allow")
    .flatMap((rule) => {
      const refusal = refusalOf(rule, prepared);
      if (refusal === undefined) return [];
      return `"${rule.text}" opens nothing: the project's own file refuses it (${refusal}). ${projectWayOut}`;
    });
}

/** What refuses all that a rule could open. */
function refusalOf({ target, ports }: Rule, prepared: PreparedPolicy): string | undefined {
  const sample = sampleOf(target);
  if (sample === undefined) return undefined;
  const asked = ports === null ? [null] : ports.flat();
  const rules = asked.map((port) => decide(prepared, { ...sample, port }).rule);
  if (!rules.every(isOfProject)) return undefined;
  // Of the hosts below a name some may be in the list, and a host that is may lead to an address that is not.
  const isListed = rules.every((rule) => rule.startsWith(`${projectFileName}: only `));
  return target.kind === "host" || !isListed ? rules[0] : undefined;
}

/** One destination of the kind; none stands for all addresses of a block or group. */
function sampleOf(target: RuleTarget): Omit<Destination, "port"> | undefined {
  switch (target.kind) {
    case "host":
      return { host: target.host, address: null };
    case "suffix":
      return { host: `any.${target.parent}`, address: null };
    case "block": {
      const { bytes, bits } = target.block;
      return bits === bytes.length * 8 ? { host: null, address: bytes } : undefined;
    }
    case "group":
      return undefined;
  }
}
