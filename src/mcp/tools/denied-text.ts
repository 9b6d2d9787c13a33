import { type DeniedConnection, type RunResult, visibleText } from "../../sdk.ts";

type Denied = Pick<RunResult, "deniedConnections">;

const shownMax = 5;

/** `host:port`, as people and rules write it. */
export function targetText({ host, port }: DeniedConnection): string {
  const name = visibleText(host, 100);
  return name.includes(":") ? `[${name}]:${port}` : `${name}:${port}`;
}

/** What a command was not allowed to reach, and the way out; undefined where it was nothing. */
export function deniedText({ deniedConnections }: Denied, wayOut: string): string | undefined {
  if (deniedConnections.length === 0) return undefined;
  const targets = deniedConnections
    .slice(0, shownMax)
    .map((one) => `${targetText(one)} (${one.rule})`);
  const more = deniedConnections.length > shownMax ? ", …" : "";
  return `Denied by the network rules: ${targets.join(", ")}${more}. Only a person can change them: ${wayOut}`;
}

export function deniedFacts({ deniedConnections }: Denied): {
  readonly denied_connections?: readonly DeniedConnection[];
} {
  return deniedConnections.length === 0 ? {} : { denied_connections: deniedConnections };
}
