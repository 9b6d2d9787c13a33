import { type EgressPolicy, isOfProject, projectRefusalHint } from "../../model/egress.ts";
import { PyroError } from "../../model/errors.ts";
import type { Secret } from "../../model/secrets.ts";

/** What decides whether a credential is of any use. */
export interface WayOutFacts {
  /** Whether there is a way out at all. */
  readonly isOut: boolean;
  readonly policy: EgressPolicy;
  /** What lets it out, where nothing does: one sentence. */
  readonly hintOut: string;
  /** What allows a target. */
  readonly allow: (target: string) => string;
}

/** Refuses credentials for hosts that could not be reached: nobody is let out by having one. */
export async function requireReachable(
  secrets: readonly Secret[],
  { isOut, policy, hintOut, allow }: WayOutFacts,
): Promise<void> {
  const credentials = secrets.flatMap(({ name, brokered }) =>
    (brokered?.hosts ?? []).map((target) => ({ name, target })),
  );
  const [first] = credentials;
  if (first === undefined) return;
  if (!isOut)
    throw new PyroError(
      "invalid_argument",
      `The credential ${first.name} is for ${first.target}, but nothing is let out.`,
      { hint: hintOut },
    );
  const [{ decide }, { preparedHere }] = await Promise.all([
    import("../../network/decide.ts"),
    import("../../network/policy.ts"),
  ]);
  const prepared = preparedHere(policy);
  for (const { name, target } of credentials) {
    const [pattern = "", port = "443"] = target.split(":");
    // Of a suffix, any host below it: none is known by name.
    const host = pattern.replace(/^\*\./, "any.");
    const decision = decide(prepared, { host, address: null, port: Number(port) });
    if (decision.verdict === "deny")
      throw new PyroError(
        "invalid_argument",
        `The credential ${name} is for ${target}, which cannot be reached: ${decision.rule}.`,
        { hint: isOfProject(decision.rule) ? projectRefusalHint : allow(target) },
      );
  }
}
