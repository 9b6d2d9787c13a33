import type { AgentClient } from "../../channel/agent-client.ts";
import { isLive, type ServiceDefinition } from "../../model/service-definition.ts";
import type { ServiceList, WorkspaceService } from "../../model/service-results.ts";
import { checkName } from "../../model/workspace-names.ts";
import type { PortRow } from "../../registry/published-ports.ts";
import type { WorkspaceRow } from "../../registry/workspaces.ts";
import { connectWorkspace, openWorkspace } from "../life/connect-workspace.ts";
import { findWorkspace } from "../life/find-workspace.ts";
import { guestRoot } from "../life/guest-root.ts";
import { openPorts } from "../life/open-ports.ts";
import type { WorkspaceContext } from "../life/workspace-context.ts";
import { stillDeniedTo } from "../network/denied-connections.ts";
import { requirePublishing } from "../ports/manage-ports.ts";
import { describeService, describeServices, requireService } from "./describe-service.ts";
import { serviceDefinition } from "./service-definition.ts";
import { notReady } from "./service-failure.ts";
import type { ServiceOptions, StartServiceOptions } from "./service-options.ts";

/** Starts a service and waits until it is ready. One that ends before that, or is not ready in time, is an error. */
export async function startService(
  context: WorkspaceContext,
  id: string,
  { name, ...options }: StartServiceOptions & { readonly name: string },
): Promise<WorkspaceService> {
  checkName(name, "service");
  const found = await findWorkspace(context, id);
  const definition = serviceDefinition(options, guestRoot(context, found));
  return await beginService(context, found, {
    name,
    definition,
    keepsLog: false,
    signal: options.signal,
  });
}

/** Stops a service, if it runs, and starts it again as it was; its log goes on. */
export async function restartService(
  context: WorkspaceContext,
  id: string,
  { name, signal }: ServiceOptions & { readonly name: string },
): Promise<WorkspaceService> {
  const { row, client } = await openWorkspace(context, id, "run services");
  const { definition, state } = requireService(context, row, name);
  const earlierPorts = context.records.ports.list(row.workspaceId);
  if (isLive(state)) await client.supervisor.ask("/v1/services/stop", { name }, signal);
  return await beginService(context, row, {
    name,
    definition,
    keepsLog: true,
    earlierPorts,
    signal,
  });
}

interface Begin {
  readonly name: string;
  readonly definition: ServiceDefinition;
  readonly keepsLog: boolean;
  readonly earlierPorts?: readonly PortRow[];
  readonly signal?: AbortSignal | undefined;
}

/** Starts a service as it is defined and waits until it is ready. */
export async function beginService(
  context: WorkspaceContext,
  row: WorkspaceRow,
  { signal, ...wanted }: Begin,
): Promise<WorkspaceService> {
  if (wanted.definition.publishedPorts.length > 0) requirePublishing(row);
  const client = await connectWorkspace(context, row, "run services");
  await client.supervisor.ask("/v1/services/start", wanted);
  await client.supervisor.ask("/v1/services/await", { name: wanted.name }, signal);
  const service = requireService(context, row, wanted.name);
  if (service.readyAt === null && !isLive(service.state))
    throw await notReady(context, client, { row, service });
  return await tell(context, { row, client, name: wanted.name });
}

/** Stops a service and everything it started. One that is over stays as it is. */
export async function stopService(
  context: WorkspaceContext,
  id: string,
  { name, signal }: ServiceOptions & { readonly name: string },
): Promise<WorkspaceService> {
  const row = await findWorkspace(context, id);
  if (!isLive(requireService(context, row, name).state))
    return await tell(context, { row, client: undefined, name });
  const client = await connectWorkspace(context, row, "run services");
  await client.supervisor.ask("/v1/services/stop", { name }, signal);
  return await tell(context, { row, client, name });
}

export async function listServices(context: WorkspaceContext, id: string): Promise<ServiceList> {
  const row = await findWorkspace(context, id);
  await refresh(context, row);
  return { workspaceId: row.workspaceId, services: describeServices(context, row) };
}

export async function statusService(
  context: WorkspaceContext,
  id: string,
  name: string,
): Promise<WorkspaceService> {
  const row = await findWorkspace(context, id);
  requireService(context, row, name);
  const client = await refresh(context, row);
  return await tell(context, { row, client, name });
}

/** A supervisor writes down what it is told of; one that was killed meanwhile missed it. */
async function refresh(
  context: WorkspaceContext,
  row: WorkspaceRow,
): Promise<AgentClient | undefined> {
  if (row.state !== "started" || context.records.services.list(row.workspaceId).length === 0)
    return undefined;
  const client = await connectWorkspace(context, row, "run services");
  await client.supervisor.ask("/v1/services/refresh", {});
  return client;
}

interface Told {
  readonly row: WorkspaceRow;
  /** Absent where nothing runs. */
  readonly client: AgentClient | undefined;
  readonly name: string;
}

async function tell(
  context: WorkspaceContext,
  { row, client, name }: Told,
): Promise<WorkspaceService> {
  const service = requireService(context, row, name);
  return {
    workspaceId: row.workspaceId,
    ...describeService(service, openPorts(context, row)),
    deniedConnections: await stillDeniedTo(context, { row, client, source: `service:${name}` }),
  };
}
