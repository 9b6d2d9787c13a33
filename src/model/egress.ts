/** What is reachable where no rule says anything: the public internet, package registries and forges, or nothing. */
export const egressPresets = ["open", "registries", "none"] as const;

export type EgressPreset = (typeof egressPresets)[number];

/** What somebody wants of the way out. */
export interface EgressRules {
  readonly preset: EgressPreset;
  /** Each `allow TARGET[:PORTS]` or `deny TARGET[:PORTS]`. Denials come first, whatever their place. */
  readonly rules: readonly string[];
}

/** A rule that is none any more from some moment on. */
export interface TemporaryRule {
  readonly rule: string;
  /** As `toISOString` writes it. */
  readonly until: string;
}

/** What the tree that a workspace began with refuses in its `.pyro.toml`, whatever is allowed beside. */
export interface ProjectRules {
  /** `TARGET[:PORTS]` each: nothing else is reached. Null: the file does not say. */
  readonly only: readonly string[] | null;
  /** `TARGET[:PORTS]` each. */
  readonly deny: readonly string[];
}

/** What a workspace's commands may reach, as it is kept. */
export interface EgressPolicy extends EgressRules {
  readonly temporaryRules: readonly TemporaryRule[];
  /** HOST:PORT of each index that this machine's package managers named when the rules were made; empty where no rule is about them. */
  readonly ownRegistries: readonly string[];
  /** Null: there is no such file, or it says nothing. Nobody changes it while the workspace lives. */
  readonly project: ProjectRules | null;
  /** While somebody learns what a command reaches, everything public is reachable. */
  readonly learning?: Learning | undefined;
}

/** Ends with whoever began it, and in any case in time: nothing has to be put back. */
export interface Learning {
  /** Its process. */
  readonly by: { readonly pid: number; readonly startTicks: string; readonly bootId: string };
  /** Milliseconds since 1970. */
  readonly endsAtMs: number;
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

/** `host:port`, as people and rules write it. */
export function destinationText(host: string, port: number): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

/** As a rule names a host: one of a single word has a dot at its end, which tells it from a group. */
export function hostInRule(host: string): string {
  return /[.:]/.test(host) ? host : `${host}.`;
}

/** The public internet, and nothing of this machine or its own networks. */
export const defaultEgressPolicy: EgressPolicy = {
  ...{ preset: "open", rules: [] },
  ...{ temporaryRules: [], ownRegistries: [], project: null },
};

export const closedEgressPolicy: EgressPolicy = { ...defaultEgressPolicy, preset: "none" };

/** The policy that `text` keeps. One that is damaged allows nothing. */
export function parseEgressPolicy(text: string): EgressPolicy {
  try {
    const {
      preset,
      rules,
      temporaryRules = [],
      ownRegistries = [],
      project = null,
      learning,
    } = JSON.parse(text) as Partial<EgressPolicy>;
    if (preset === undefined || rules === undefined || !egressPresets.includes(preset))
      return closedEgressPolicy;
    const texts = [
      ...[...rules, ...ownRegistries, ...(project?.only ?? []), ...(project?.deny ?? [])],
      ...temporaryRules.flatMap(({ rule, until }) => [rule, until]),
    ];
    const isSound = texts.every((entry) => typeof entry === "string");
    if (!isSound || !(project === null || isComplete(project))) return closedEgressPolicy;
    const policy = { preset, rules, temporaryRules, ownRegistries, project };
    return isLearning(learning) ? { ...policy, learning } : policy;
  } catch {
    return closedEgressPolicy;
  }
}

/** What is missing may have been a list of what alone is reached. */
function isComplete({ only, deny }: Partial<ProjectRules>): boolean {
  return (only === null || Array.isArray(only)) && Array.isArray(deny);
}

function isLearning(value: Partial<Learning> | undefined): value is Learning {
  const { pid, startTicks, bootId } = value?.by ?? {};
  return (
    Number.isSafeInteger(pid) &&
    Number.isFinite(value?.endsAtMs) &&
    [startTicks, bootId].every((one) => typeof one === "string")
  );
}

export interface EgressDecision {
  readonly verdict: "allow" | "deny";
  /** The rule, as it was written, or `preset NAME`; of a project's file with its name before it. */
  readonly rule: string;
  /** One sentence. */
  readonly reason: string;
}

/** In the root of the tree that a workspace is seeded from. */
export const projectFileName = ".pyro.toml";

/** Whether what is named in a decision is the project's own file, which no rule of a person's overrides. */
export function isOfProject(rule: string): boolean {
  return rule.startsWith(`${projectFileName}: `);
}

/** What there is to do about such a refusal. */
export const projectWayOut = `Change ${projectFileName} in the project, and create another workspace.`;

export const projectRefusalHint = `The project's own file refuses it, and no rule changes that. ${projectWayOut}`;

/** Longer names of rules help nobody. */
const listedCharactersMax = 60;

/** As many targets as are read at a glance, and how many more. */
export function listText(targets: readonly string[]): string {
  const [first = "nothing", ...others] = targets;
  let shown = first;
  let count = 0;
  for (const target of others) {
    if (shown.length + target.length > listedCharactersMax) break;
    shown += `, ${target}`;
    count++;
  }
  return count === others.length ? shown : `${shown} and ${others.length - count} more`;
}

/** What a project's file says, in short; null where it says nothing. */
export function projectText({ project }: Pick<EgressPolicy, "project">): string | null {
  if (project === null) return null;
  const { only, deny } = project;
  const parts = [
    ...(only === null ? [] : [`only ${listText(only)}`]),
    ...(deny.length === 0 ? [] : [`deny ${listText(deny)}`]),
  ];
  return parts.join("; ");
}
