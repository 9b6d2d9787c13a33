import type { Rule, RuleTarget } from "./rule.ts";

interface Placed {
  readonly rule: Rule;
  readonly place: number;
}

/** Rules by what could match: thousands about names cost a decision no more than a few. */
export class RuleIndex {
  readonly #byHost = new Map<string, Placed[]>();
  readonly #byParent = new Map<string, Placed[]>();
  readonly #others: Placed[] = [];
  readonly #hasAddresses: boolean;

  constructor(rules: readonly Rule[]) {
    for (const [place, rule] of rules.entries()) this.#listOf(rule).push({ rule, place });
    this.#hasAddresses = this.#others.some(({ rule: { target } }) => !isAboutNames(target));
  }

  /** Whether an address could match what no name does. */
  get hasAddresses(): boolean {
    return this.#hasAddresses;
  }

  /** The first rule that `matches`, of those that could be about `host`. */
  find(host: string | null, matches: (rule: Rule) => boolean): Rule | undefined {
    let first = earlier(undefined, this.#others, matches);
    if (host === null) return first?.rule;
    first = earlier(first, this.#byHost.get(host), matches);
    if (this.#byParent.size === 0) return first?.rule;
    for (let dot = host.indexOf("."); dot >= 0; dot = host.indexOf(".", dot + 1))
      first = earlier(first, this.#byParent.get(host.slice(dot + 1)), matches);
    return first?.rule;
  }

  #listOf({ target }: Rule): Placed[] {
    switch (target.kind) {
      case "host":
        return listAt(this.#byHost, target.host);
      case "suffix":
        return listAt(this.#byParent, target.parent);
      default:
        return this.#others;
    }
  }
}

/** Registries are known by their names alone. */
function isAboutNames(target: RuleTarget): boolean {
  return target.kind === "group" && target.group === "registries";
}

function listAt(lists: Map<string, Placed[]>, key: string): Placed[] {
  const list = lists.get(key) ?? [];
  lists.set(key, list);
  return list;
}

/** `first`, or what `matches` in `list` and stands before it. */
function earlier(
  first: Placed | undefined,
  list: readonly Placed[] | undefined,
  matches: (rule: Rule) => boolean,
): Placed | undefined {
  if (list === undefined) return first;
  for (const placed of list) {
    if (first !== undefined && placed.place > first.place) return first;
    if (matches(placed.rule)) return placed;
  }
  return first;
}
