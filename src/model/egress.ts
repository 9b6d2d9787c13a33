/** What is reachable where no rule says anything: the public internet, package registries and forges, or nothing. */
export const egressPresets = ["open", "registries", "none"] as const;

export type EgressPreset = (typeof egressPresets)[number];

/** What a workspace's commands may reach, as it is kept. */
export interface EgressPolicy {
  readonly preset: EgressPreset;
  /** Each `allow TARGET[:PORTS]` or `deny TARGET[:PORTS]`. Denials come first, whatever their place. */
  readonly rules: readonly string[];
}

/** What is asked for about the way out of a machine that is to be. */
export interface EgressOptions {
  /** What is reachable where no rule says anything: `open` (the public internet, the default), `registries` or `none`. */
  readonly networkPreset?: EgressPreset | undefined;
  /** `TARGET[:PORTS]` each. With these and no preset, nothing else is reachable. */
  readonly allowHosts?: readonly string[] | undefined;
  /** `TARGET[:PORTS]` each; they win. */
  readonly denyHosts?: readonly string[] | undefined;
}

/** The public internet, and nothing of this machine or its own networks. */
export const defaultEgressPolicy: EgressPolicy = { preset: "open", rules: [] };

export const closedEgressPolicy: EgressPolicy = { preset: "none", rules: [] };

/** The policy that `text` keeps. One that is damaged allows nothing. */
export function parseEgressPolicy(text: string): EgressPolicy {
  try {
    const { preset, rules } = JSON.parse(text) as EgressPolicy;
    const isSound =
      egressPresets.includes(preset) && rules.every((rule) => typeof rule === "string");
    return isSound ? { preset, rules } : closedEgressPolicy;
  } catch {
    return closedEgressPolicy;
  }
}

export interface EgressDecision {
  readonly verdict: "allow" | "deny";
  /** The rule, as it was written, or `preset NAME`. */
  readonly rule: string;
  /** One sentence. */
  readonly reason: string;
}
