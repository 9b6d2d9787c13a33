import { closedEgressPolicy, type EgressPolicy } from "../../../model/egress.ts";
import type { PreparedPolicy } from "../../../network/decide.ts";
import { heldRules, inForce, preparedHere } from "../../../network/policy.ts";

/** This machine's own addresses change seldom. */
const keptMs = 5_000;

/** A workspace's policy as it is now, prepared again only when it changed. */
export class LivePolicy {
  readonly #read: () => EgressPolicy | undefined;
  #prepared:
    | { readonly text: string; readonly untilMs: number; readonly policy: PreparedPolicy }
    | undefined;

  /** `read` answers what is kept; undefined where nothing is. */
  constructor(read: () => EgressPolicy | undefined) {
    this.#read = read;
  }

  /** One that cannot be read allows nothing. */
  get(): PreparedPolicy {
    const kept = inForce(this.#read() ?? closedEgressPolicy);
    const text = JSON.stringify(kept);
    const known = this.#prepared;
    const nowMs = Date.now();
    const isFresh =
      known?.text === text && nowMs < known.untilMs && known.untilMs <= nowMs + keptMs;
    if (isFresh) return known.policy;
    const policy = prepare(kept);
    const ends = heldRules(kept).map(({ until }) => Date.parse(until));
    this.#prepared = { text, untilMs: Math.min(nowMs + keptMs, ...ends), policy };
    return policy;
  }
}

function prepare(policy: EgressPolicy): PreparedPolicy {
  try {
    return preparedHere(policy);
  } catch {
    return preparedHere(closedEgressPolicy);
  }
}
