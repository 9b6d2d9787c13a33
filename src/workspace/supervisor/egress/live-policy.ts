import { closedEgressPolicy, type EgressPolicy } from "../../../model/egress.ts";
import type { PreparedPolicy } from "../../../network/decide.ts";
import { preparedHere } from "../../../network/policy.ts";

/** This machine's own addresses change seldom. */
const keptMs = 5_000;

/** A workspace's policy as it is now, prepared again only when it changed. */
export class LivePolicy {
  readonly #read: () => EgressPolicy | undefined;
  #prepared:
    | { readonly text: string; readonly at: number; readonly policy: PreparedPolicy }
    | undefined;

  /** `read` answers what is kept; undefined where nothing is. */
  constructor(read: () => EgressPolicy | undefined) {
    this.#read = read;
  }

  /** One that cannot be read allows nothing. */
  get(): PreparedPolicy {
    const kept = this.#read() ?? closedEgressPolicy;
    const text = JSON.stringify(kept);
    const known = this.#prepared;
    if (known?.text === text && performance.now() - known.at < keptMs) return known.policy;
    const policy = prepare(kept);
    this.#prepared = { text, at: performance.now(), policy };
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
