import type { AgentClient } from "../../channel/agent-client.ts";
import { PyroError } from "../../model/errors.ts";
import { readinessTarget } from "../../model/service-definition.ts";
import { visibleText } from "../../model/text.ts";
import type { ServiceRow } from "../../registry/services.ts";
import type { WorkspaceRow } from "../../registry/workspaces.ts";
import type { WorkspaceContext } from "../life/workspace-context.ts";
import { nameOf } from "../records/workspace-states.ts";
import { RedactedLines } from "./redacted-lines.ts";

/** As much as fits on a screen beside the rest. */
const lastLinesMax = 20;
const lineCharactersMax = 200;

interface FailedService {
  readonly row: WorkspaceRow;
  readonly service: ServiceRow;
}

/** Why a service is over that was never ready, with the last it said. */
export async function notReady(
  context: WorkspaceContext,
  client: AgentClient,
  failed: FailedService,
): Promise<PyroError> {
  const { row, service } = failed;
  const said = wasStarted(service) ? await lastWords(context, client, failed) : "";
  const isLate = service.state === "failed" && service.reason === "it was not ready in time";
  return new PyroError(
    isLate ? "service_not_ready" : "service_failed",
    `${isLate ? lateText(service) : endedText(service)}${said}`,
    { hint: wasStarted(service) ? hintFor(row, service) : undefined },
  );
}

function wasStarted({ startedAt }: ServiceRow): boolean {
  return startedAt !== null;
}

async function lastWords(
  context: WorkspaceContext,
  client: AgentClient,
  failed: FailedService,
): Promise<string> {
  const lines = await lastLines(context, client, failed).catch(() => []);
  return lines.length === 0 ? "\nIt wrote nothing." : `\nIts last output:\n${lines.join("\n")}`;
}

function lateText({ name, definition, lastProbe }: ServiceRow): string {
  const { readiness, readyTimeoutMs } = definition;
  const wanted = `${readiness.kind} ${visibleText(readinessTarget(readiness) ?? "", lineCharactersMax)}`;
  const seen = lastProbe === null ? "" : ` The last look saw: ${lastProbe}.`;
  return `Service "${name}" was not ready (${wanted}) within ${readyTimeoutMs / 1000} s and was stopped.${seen}`;
}

function endedText({ name, state, reason, exitCode }: ServiceRow): string {
  if (state === "stopped") return `Service "${name}" was stopped before it was ready.`;
  if (state === "exited") return `Service "${name}" ended with exit code 0 before it was ready.`;
  if (exitCode === 126 || exitCode === 127)
    return `Service "${name}" did not start (exit code ${exitCode}): ${reason}.`;
  return `Service "${name}" failed: ${reason}.`;
}

function hintFor(workspace: WorkspaceRow, { name, state }: ServiceRow): string {
  if (state === "exited")
    return "A service must stay in the foreground: look for an option of the program that keeps it there.";
  return `All it wrote: pyro workspace service logs ${nameOf(workspace)} ${name} --all`;
}

async function lastLines(
  context: WorkspaceContext,
  client: AgentClient,
  { row, service }: FailedService,
): Promise<string[]> {
  const kept: string[] = [];
  const lines = new RedactedLines(context, row, ({ text }) => {
    kept.push(visibleText(text.toString("utf8"), lineCharactersMax));
    if (kept.length > lastLinesMax) kept.shift();
  });
  const query = { tailLines: lastLinesMax };
  await client.services.logs(service.name, query, (piece) => lines.push(piece));
  await lines.finish();
  return kept;
}
