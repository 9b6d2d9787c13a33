import {
  type EgressDecision,
  listText,
  type ProjectRules,
  projectFileName,
} from "../model/egress.ts";
import { nameOf } from "./decision-texts.ts";
import { type Facts, isDenial, isNamedBy } from "./match-rule.ts";
import { targetRule } from "./rule.ts";
import { RuleIndex } from "./rule-index.ts";

/** A project's rules made ready to decide. */
export interface PreparedProject {
  readonly denials: RuleIndex;
  /** Null: everything. */
  readonly only: RuleIndex | null;
  /** How decisions name that list. */
  readonly onlyText: string;
}

export function prepareProject({ only, deny }: ProjectRules): PreparedProject {
  return {
    denials: new RuleIndex(deny.map((text) => targetRule("deny", text))),
    only: only && new RuleIndex(only.map((text) => targetRule("allow", text))),
    onlyText: `${projectFileName}: only ${listText(only ?? [])}`,
  };
}

/** Denied by the project; undefined where it is not. It opens nothing: what may be reached at all is for others to say. */
export function projectRefusal(
  project: PreparedProject | null,
  facts: Facts,
): EgressDecision | undefined {
  if (project === null) return undefined;
  const { denials, only, onlyText } = project;
  const { host, address, isLeftToProxy } = facts;
  const what = nameOf(facts);
  const denial = denials.find(host, (rule) => isDenial(rule, facts));
  if (denial !== undefined)
    return {
      verdict: "deny",
      rule: `${projectFileName}: ${denial.text}`,
      reason: `The project's ${projectFileName} denies ${what}.`,
    };
  if (only === null || only.find(host, (rule) => isNamedBy(rule, facts)) !== undefined)
    return undefined;
  // A name whose address is not known yet may lead to one of the list.
  if (host !== null && address === null && !isLeftToProxy && only.hasAddresses) return undefined;
  return {
    verdict: "deny",
    rule: onlyText,
    reason: `${what} is not among what the project's ${projectFileName} lets through.`,
  };
}
