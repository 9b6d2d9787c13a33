import { constants } from "node:os";
import type { Readable } from "node:stream";
import type { AgentClient } from "../channel/agent-client.ts";
import type { ExecOutcome, OutputSink } from "../channel/exec.ts";
import type { Driver } from "../drivers/driver.ts";
import type { RunResult } from "../model/results.ts";
import { CapturedOutput } from "./captured-output.ts";

/** Conventions of shells and `timeout`. */
const exitCodes = { timedOut: 124, notExecutable: 126, notFound: 127, signalBase: 128 } as const;

export interface CommandRequest {
  readonly environment: string;
  readonly command: readonly string[];
  readonly timeoutMs: number;
  readonly stdin?: Readable | undefined;
  /** Output as it comes; the result then keeps none. */
  readonly onStdout?: OutputSink | undefined;
  readonly onStderr?: OutputSink | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Runs one command on a machine whose agent is attached; a command that fails is a result. */
export async function runCommand(
  client: AgentClient,
  driver: Driver,
  request: CommandRequest,
): Promise<RunResult> {
  const stdout = new CapturedOutput();
  const stderr = new CapturedOutput();
  const { stdin, signal } = request;
  const outcome = await client.exec(
    { command: request.command, timeoutMs: request.timeoutMs },
    {
      stdin,
      signal,
      onStdout: request.onStdout ?? ((chunk) => stdout.push(chunk)),
      onStderr: request.onStderr ?? ((chunk) => stderr.push(chunk)),
    },
  );
  const [out, err] = [stdout.finish(), stderr.finish()];
  return {
    environment: request.environment,
    command: [...request.command],
    ...ending(outcome, request.command),
    stdout: out.text,
    stderr: err.text,
    stdoutBase64: out.base64,
    stderrBase64: err.base64,
    stdoutTruncated: out.truncated,
    stderrTruncated: err.truncated,
    driver: driver.name,
    executionMode: driver.capabilities.executionMode,
    isolation: driver.capabilities.isolation,
  };
}

type Ending = Pick<
  RunResult,
  "exitCode" | "signal" | "timedOut" | "outOfMemory" | "notStarted" | "durationMs"
>;

function ending(outcome: ExecOutcome, command: readonly string[]): Ending {
  switch (outcome.kind) {
    case "exited":
      return {
        exitCode: outcome.timedOut ? exitCodes.timedOut : outcome.exitCode,
        signal: null,
        timedOut: outcome.timedOut,
        outOfMemory: outcome.outOfMemory,
        notStarted: null,
        durationMs: outcome.durationMs,
      };
    case "signalled": {
      const number = constants.signals[`SIG${outcome.signal}` as NodeJS.Signals] ?? 0;
      const exitCode = outcome.timedOut ? exitCodes.timedOut : exitCodes.signalBase + number;
      return {
        exitCode,
        signal: outcome.signal,
        timedOut: outcome.timedOut,
        outOfMemory: outcome.outOfMemory,
        notStarted: null,
        durationMs: outcome.durationMs,
      };
    }
    case "not_started": {
      const found = outcome.reason !== "command_not_found";
      const reason = outcome.message || `${command[0]}: ${outcome.reason.replaceAll("_", " ")}`;
      return {
        exitCode: found ? exitCodes.notExecutable : exitCodes.notFound,
        signal: null,
        timedOut: false,
        outOfMemory: false,
        notStarted: reason,
        durationMs: 0,
      };
    }
  }
}
