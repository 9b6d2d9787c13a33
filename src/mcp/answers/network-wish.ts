import { destinationText, hostInRule } from "../../model/egress.ts";
import { visibleText } from "../../model/text.ts";
import type { DeniedConnection } from "../../sdk.ts";

const targetsMax = 5;

/** What programs of a workspace wanted to reach and may not, though nobody has said that they must not. */
export interface NetworkWish {
  readonly workspaceId: string;
  /** HOST:PORT each. */
  readonly targets: readonly string[];
}

/** `host:port`, as people and rules write it. */
export function targetText({ host, port }: DeniedConnection): string {
  return destinationText(hostInRule(visibleText(host, 100)), port);
}

/** Undefined where nothing was denied but what a rule denies. */
export function networkWish(
  workspaceId: string,
  { deniedConnections }: { readonly deniedConnections: readonly DeniedConnection[] },
): NetworkWish | undefined {
  const targets = deniedConnections
    .filter(({ rule }) => rule.startsWith("preset "))
    .map(targetText)
    .slice(0, targetsMax);
  return targets.length === 0 ? undefined : { workspaceId, targets };
}
