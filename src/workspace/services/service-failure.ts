import type { AgentClient } from "../../channel/agent-client.ts";
import { PyroError } from "../../model/errors.ts";
import { readinessTarget } from "../../model/service-definition.ts";
import { visibleText } from "../../model/text.ts";
import type { ServiceRow } from "../../registry/services.ts";
import type { WorkspaceRow } from "../../registry/workspaces.ts";
import { nameOf } from "../records/workspace-states.ts";
import { LogLines } from "./log-lines.ts";

/** As much as fits on a screen beside the rest. */
const lastLinesMax = 20;
const lineCharactersMax = 200;

/** Why a service is over that was never ready, with the last it said. */
export async function notReady(
  client: AgentClient,
  workspace: WorkspaceRow,
  service: ServiceRow,
): Promise<PyroError> {
  const said = wasStarted(service) ? await lastWords(client, service.name) : "";
  const isLate = service.state === "failed" && service.reason === "it was not ready in time";
  return new PyroError(
    isLate ? "service_not_ready" : "service_failed",
    `${isLate ? lateText(service) : endedText(service)}${said}`,
    { hint: wasStarted(service) ? hintFor(workspace, service) : undefined },
  );
}

function wasStarted({ startedAt }: ServiceRow): boolean {
  return startedAt !== null;
}

async function lastWords(client: AgentClient, name: string): Promise<string> {
  const lines = await lastLines(client, name).catch(() => []);
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

async function lastLines(client: AgentClient, name: string): Promise<string[]> {
  const kept: string[] = [];
  const lines = new LogLines(({ text }) => {
    kept.push(visibleText(text.toString("utf8"), lineCharactersMax));
    if (kept.length > lastLinesMax) kept.shift();
  });
  await client.services.logs(name, { tailLines: lastLinesMax }, (piece) => lines.push(piece));
  await lines.finish();
  return kept;
}
