import { destinationText, type EgressPolicy } from "../model/egress.ts";
import { parseAddress } from "./address.ts";
import { type Destination, decide } from "./decide.ts";
import { policyHere, preparedHere } from "./policy.ts";
import { targetRule } from "./rule.ts";

/** A connection that was made. */
export interface MadeConnection {
  /** Name or address. */
  readonly host: string;
  readonly port: number;
  /** Null where only a proxy knows it. */
  readonly address: string | null;
}

/**
 * The rules that let `made` pass and nothing else: hosts and ports as they were, the address as well where a rule about the name would
 * not open it. What denies stays, and the project's own file.
 */
export function narrowestPolicy(
  made: readonly MadeConnection[],
  { rules, project }: Pick<EgressPolicy, "rules" | "project">,
): EgressPolicy {
  const denials = rules.filter((rule) => rule.startsWith("deny "));
  const policyOf = (targets: ReadonlyMap<string, ReadonlySet<number>>) =>
    policyHere(
      { preset: "none", rules: [...denials, ...[...targets].map(ruleOf).sort()] },
      { project },
    );
  const targets = new Map<string, Set<number>>();
  const add = (target: string, port: number) => {
    targets.set(target, (targets.get(target) ?? new Set()).add(port));
  };
  for (const { host, port } of made) add(host, port);
  const byNames = preparedHere(policyOf(targets));
  for (const one of made)
    if (decide(byNames, destinationOf(one)).verdict === "deny" && one.address !== null)
      add(one.address, one.port);
  return policyOf(targets);
}

function ruleOf([target, ports]: readonly [string, ReadonlySet<number>]): string {
  const [first = 0, ...rest] = [...ports].sort((one, other) => one - other);
  return targetRule("allow", [destinationText(target, first), ...rest].join(",")).text;
}

function destinationOf({ host, port, address }: MadeConnection): Destination {
  const whole = parseAddress(host);
  if (whole !== undefined) return { host: null, address: whole, port };
  const found = parseAddress(address ?? "") ?? null;
  return { host, address: found, port, isLeftToProxy: found === null };
}
