import type { Readable } from "node:stream";
import type { AgentClient } from "../../channel/agent-client.ts";
import type { AnyDriver } from "../../drivers/driver.ts";
import type { CpuLevel, NetworkPolicy } from "../../model/machine-options.ts";
import type { DeniedConnection } from "../../model/network-results.ts";
import type { RunResult } from "../../model/results.ts";
import type { SecretValues } from "../../secrets/redaction.ts";
import { CapturedStreams, type OutputSinks } from "./captured-streams.ts";
import { endingOf, hintFor } from "./command-ending.ts";
import { RedactedStreams } from "./redacted-streams.ts";

export interface CommandRequest extends OutputSinks {
  readonly environment: string;
  readonly command: readonly string[];
  readonly timeoutMs: number;
  /** Of the machine. */
  readonly cpu: CpuLevel | null;
  readonly networkPolicy: NetworkPolicy;
  /** Default none: the command reads /dev/null. */
  readonly stdin?: Readable | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Tells, when the command is over, what it was not allowed to reach. Default nothing. */
  readonly denied?: (() => readonly DeniedConnection[]) | undefined;
  /** What its output must not show, as it is now. Default nothing. */
  readonly values?: (() => SecretValues) | undefined;
}

/** Runs one command on a machine whose agent is attached; a command that fails is a result. */
export async function runCommand(
  client: AgentClient,
  driver: AnyDriver,
  request: CommandRequest,
): Promise<RunResult> {
  const output = new CapturedStreams(request);
  using redacted = request.values && new RedactedStreams(output, request.values);
  const { onStdout, onStderr } = redacted ?? output;
  const { stdin, signal } = request;
  const outcome = await client.exec(
    { command: request.command, timeoutMs: request.timeoutMs },
    { stdin, signal, onStdout, onStderr },
  );
  await redacted?.finish();
  const { executionMode, isolation } = driver.capabilities;
  const ending = endingOf(outcome, request.command);
  const facts = { isolation, cpu: request.cpu, networkPolicy: request.networkPolicy };
  return {
    environment: request.environment,
    command: [...request.command],
    ...ending,
    hint: hintFor({ ...ending, lastWords: output.lastWords() }, facts),
    ...output.finish(),
    deniedConnections: [...(request.denied?.() ?? [])],
    driver: driver.name,
    executionMode,
    isolation,
  };
}
