import { PyroError } from "../../model/errors.ts";
import type { PortToPublish } from "../../model/service-definition.ts";
import type {
  PortList,
  PortPublished,
  PortUnpublished,
  PublishedPort,
} from "../../model/service-results.ts";
import type { WorkspaceRow } from "../../registry/workspaces.ts";
import { openWorkspace } from "../life/connect-workspace.ts";
import { findWorkspace } from "../life/find-workspace.ts";
import { openPorts, portOf } from "../life/open-ports.ts";
import type { WorkspaceContext } from "../life/workspace-context.ts";
import { nameOf } from "../records/workspace-states.ts";
import { checkPort } from "./check-port.ts";

/** Publishes a port of the guest on this machine, until it is unpublished or the workspace stops. */
export async function publishPort(
  context: WorkspaceContext,
  id: string,
  port: PortToPublish,
): Promise<PortPublished> {
  const wanted = checkPort(port);
  const { row, client } = await openWorkspace(context, id, "publish ports");
  requirePublishing(row);
  const { host_port: hostPort } = await client.supervisor.ask("/v1/ports/publish", wanted);
  const published = { guestPort: wanted.guestPort, hostPort: Number(hostPort), service: null };
  return { workspaceId: row.workspaceId, ...portOf(published) };
}

/** Those that lead into a running guest. */
export async function listPorts(context: WorkspaceContext, id: string): Promise<PortList> {
  const row = await findWorkspace(context, id);
  return { workspaceId: row.workspaceId, ports: openPorts(context, row) };
}

/** Ends one by its port on this machine, or by the guest's where that is the only one of it. */
export async function unpublishPort(
  context: WorkspaceContext,
  id: string,
  hostPort: number,
): Promise<PortUnpublished> {
  const { row, client } = await openWorkspace(context, id, "publish ports");
  const { workspaceId } = row;
  const known = openPorts(context, row);
  if (!known.some((port) => port.hostPort === hostPort)) throw notPublished(row, hostPort, known);
  const { unpublished } = await client.supervisor.ask("/v1/ports/unpublish", { hostPort });
  return { workspaceId, hostPort, unpublished: unpublished === true };
}

function notPublished(
  row: WorkspaceRow,
  hostPort: number,
  known: readonly PublishedPort[],
): PyroError {
  const ports = known.map((port) => port.hostPort).join(", ");
  return new PyroError(
    "port_not_published",
    `Workspace ${nameOf(row)} has not published port ${hostPort} of this machine.`,
    { hint: ports === "" ? "It has published none." : `It has published: ${ports}` },
  );
}

/** Throws `network_policy_refused` unless the workspace was created to publish ports. */
export function requirePublishing(row: WorkspaceRow): void {
  if (row.networkPolicy.includes("published-ports")) return;
  throw new PyroError(
    "network_policy_refused",
    `Workspace ${nameOf(row)} was created with network policy ${row.networkPolicy}, so none of its ports can be published.`,
    { hint: "Create one that can: pyro workspace create … --network-policy published-ports" },
  );
}
