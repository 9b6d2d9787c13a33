/** What is reachable where no rule says anything: the public internet, package registries and forges, or nothing. */
export const egressPresets = ["open", "registries", "none"] as const;

export type EgressPreset = (typeof egressPresets)[number];

/** What a workspace's commands may reach, as it is kept. */
export interface EgressPolicy {
  readonly preset: EgressPreset;
  /** Each `allow TARGET[:PORTS]` or `deny TARGET[:PORTS]`. Denials come first, whatever their place. */
  readonly rules: readonly string[];
}

export const defaultEgressPolicy: EgressPolicy = { preset: "open", rules: [] };

export interface EgressDecision {
  readonly verdict: "allow" | "deny";
  /** The rule, as it was written, or `preset NAME`. */
  readonly rule: string;
  /** One sentence. */
  readonly reason: string;
}
