import { visibleText } from "../../model/text.ts";
import { type Destination, type Header, Refusal } from "./refusal.ts";

/** What a client asks for. */
export interface RequestHead {
  readonly method: string;
  /** Path and query. */
  readonly target: string;
  readonly headers: readonly Header[];
}

/**
 * Refuses what a server could take for a request to another host than the one that the connection is to: a credential is for that one
 * alone. `authorities` is every place in which the request names its host.
 */
export function checkRequest(
  { method, target }: Pick<RequestHead, "method" | "target">,
  authorities: readonly string[],
  destination: Destination,
): void {
  const isPath = target.startsWith("/") || (target === "*" && method === "OPTIONS");
  if (!isPath || target.includes("#"))
    throw new Refusal(
      400,
      "A request to a host with a credential asks for a path, and for nothing else.",
    );
  const [authority, ...others] = new Set(authorities);
  if (authority === undefined || others.length > 0)
    throw new Refusal(400, "A request to a host with a credential names its host once.");
  if (isAuthorityOf(authority, destination)) return;
  const named = visibleText(JSON.stringify(authority), 120);
  throw new Refusal(
    421,
    `The request is for ${named}, and the connection is to ${destination.host}.`,
  );
}

function isAuthorityOf(authority: string, { host, port }: Destination): boolean {
  const [, name = "", portText] =
    /^([^:]*?)\.?(?::(\d{1,5}))?$/.exec(authority.toLowerCase()) ?? [];
  return name === host && (portText === undefined || Number(portText) === port);
}
