import { PyroError } from "../../model/errors.ts";
import { nearest } from "../../model/nearest.ts";
import { readinessTarget } from "../../model/service-definition.ts";
import type { PublishedPort, Service } from "../../model/service-results.ts";
import type { ServiceRow } from "../../registry/services.ts";
import type { WorkspaceRow } from "../../registry/workspaces.ts";
import { openPorts } from "../life/open-ports.ts";
import type { WorkspaceContext } from "../life/workspace-context.ts";
import { nameOf } from "../records/workspace-states.ts";

/** The services of a workspace as they are told to callers. */
export function describeServices(context: WorkspaceContext, row: WorkspaceRow): Service[] {
  const ports = openPorts(context, row);
  return context.records.services
    .list(row.workspaceId)
    .map((service) => describeService(service, ports));
}

/** Throws `service_not_found`. */
export function requireService(
  context: WorkspaceContext,
  row: WorkspaceRow,
  name: string,
): ServiceRow {
  const all = context.records.services.list(row.workspaceId);
  const found = all.find((service) => service.name === name);
  if (found !== undefined) return found;
  const names = all.map((service) => service.name);
  const guess = nearest(name, names);
  const known = names.length === 0 ? "It has none." : `It has: ${names.join(", ")}`;
  throw new PyroError("service_not_found", `Workspace ${nameOf(row)} has no service "${name}".`, {
    hint: guess === undefined ? known : `Did you mean ${guess}?`,
  });
}

export function describeService(row: ServiceRow, ports: readonly PublishedPort[]): Service {
  const { definition } = row;
  return {
    name: row.name,
    state: row.state,
    reason: row.reason,
    command: [...definition.command],
    cwd: definition.cwd,
    readiness: {
      kind: definition.readiness.kind,
      target: readinessTarget(definition.readiness),
      ready: row.state === "running",
      lastProbe: row.lastProbe,
    },
    startedAt: row.startedAt,
    readyAt: row.readyAt,
    endedAt: row.endedAt,
    exitCode: row.exitCode,
    signal: row.signal,
    outOfMemory: row.outOfMemory,
    restart: definition.restart,
    restartCount: row.restartCount,
    publishedPorts: ports.filter(({ service }) => service === row.name),
  };
}
