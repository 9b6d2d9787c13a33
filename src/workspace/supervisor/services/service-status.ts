import type { AgentService } from "../../../channel/service-status.ts";
import { visibleText } from "../../../model/text.ts";
import type { ServiceStatus } from "../../../registry/services.ts";
import type { SecretValues } from "../../../secrets/redaction.ts";
import { exitCodes } from "../../machines/command-ending.ts";

const textMax = 1000;

/** What an agent says of a service, as the registry remembers it: without secrets, which what was started or seen may quote. */
export function statusOf(told: AgentService, secrets: SecretValues): ServiceStatus {
  // Cut only then: half a value would not be found.
  const shown = (text: string | null) =>
    text === null ? null : visibleText(secrets.redactText(text), textMax);
  return {
    state: told.state,
    reason: shown(reasonOf(told)),
    startedAt: at(told.startedAtMs),
    readyAt: at(told.readyAtMs),
    endedAt: at(told.endedAtMs),
    exitCode: exitCodeOf(told),
    signal: told.signal,
    outOfMemory: told.outOfMemory,
    restartCount: told.restartCount,
    lastProbe: shown(told.lastProbe),
  };
}

function at(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString();
}

/** As a shell would say it. */
function exitCodeOf({ exitCode, notStarted }: AgentService): number | null {
  if (notStarted === null) return exitCode;
  return notStarted === "command_not_found" ? exitCodes.notFound : exitCodes.notExecutable;
}

/** Why it is in its state; null where that is plain. */
function reasonOf(told: AgentService): string | null {
  if (told.notStarted !== null) return told.message || told.notStarted.replaceAll("_", " ");
  if (told.timedOut) return "it was not ready in time";
  if (told.outOfMemory) return "the workspace's memory ran out";
  if (told.state !== "failed" && told.state !== "restarting") return null;
  const how = told.signal === null ? `exit code ${told.exitCode}` : `SIG${told.signal}`;
  return told.readyAtMs === null
    ? `it ended with ${how} before it was ready`
    : `it ended with ${how}`;
}
