import { isLive } from "../../model/service-definition.ts";
import type { PublishedPort } from "../../model/service-results.ts";
import type { PortRow } from "../../registry/published-ports.ts";
import type { WorkspaceRow } from "../../registry/workspaces.ts";
import { publishedHost } from "../supervisor/ports/published-ports.ts";
import type { WorkspaceContext } from "./workspace-context.ts";

/** The ports of a running workspace that lead anywhere. */
export function openPorts(context: WorkspaceContext, row: WorkspaceRow): PublishedPort[] {
  if (row.state !== "started") return [];
  const { services, ports } = context.records;
  const live = new Set(
    services
      .list(row.workspaceId)
      .filter(({ state }) => isLive(state))
      .map(({ name }) => name),
  );
  return ports
    .list(row.workspaceId)
    .filter(({ service }) => service === null || live.has(service))
    .map(portOf);
}

/** A published port as it is told to callers. */
export function portOf({ hostPort, guestPort, service }: PortRow): PublishedPort {
  return {
    host: publishedHost,
    hostPort,
    guestPort,
    protocol: "tcp",
    url: `http://${publishedHost}:${hostPort}`,
    service,
  };
}
