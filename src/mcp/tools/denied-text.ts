import { isOfProject, projectRefusalHint } from "../../model/egress.ts";
import { visibleText } from "../../model/text.ts";
import type { DeniedConnection, RunResult } from "../../sdk.ts";
import { targetText } from "../answers/network-wish.ts";

type Denied = Pick<RunResult, "deniedConnections">;

const shownMax = 5;

/** What a command was not allowed to reach, and the way out; undefined where it was nothing. */
export function deniedText(denied: Denied, wayOut: string): string | undefined {
  return tellDenied(denied, `Only a person can change them: ${wayOut}`);
}

function tellDenied({ deniedConnections }: Denied, wayOut: string): string | undefined {
  if (deniedConnections.length === 0) return undefined;
  const targets = deniedConnections
    .slice(0, shownMax)
    .map((one) => `${targetText(one)} (${visibleText(one.rule, 100)})`);
  const more = deniedConnections.length > shownMax ? ", …" : "";
  return `Denied by the network rules: ${targets.join(", ")}${more}. ${wayOut}`;
}

/** Of a workspace, whose rules a person can change while it runs. */
export function deniedIn(id: string, denied: Denied): string | undefined {
  const first = denied.deniedConnections.find(({ rule }) => !isOfProject(rule));
  if (first === undefined) return tellDenied(denied, projectRefusalHint);
  const wayOut = first.rule.startsWith("deny ")
    ? `remove ${id} '${first.rule}'`
    : `allow ${id} ${targetText(first)}`;
  return deniedText(denied, `the user can: pyro workspace network ${wayOut}`);
}

/** Those lines that there are. */
export function linesText(lines: readonly (string | undefined)[]): string | undefined {
  return lines.filter((line) => line !== undefined).join("\n") || undefined;
}

export function deniedFacts({ deniedConnections }: Denied): {
  readonly denied_connections?: readonly DeniedConnection[];
} {
  return deniedConnections.length === 0 ? {} : { denied_connections: deniedConnections };
}
