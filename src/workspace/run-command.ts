import type { Readable } from "node:stream";
import type { AgentClient } from "../channel/agent-client.ts";
import type { OutputSink } from "../channel/exec.ts";
import type { Driver } from "../drivers/driver.ts";
import type { RunResult } from "../model/results.ts";
import { CapturedOutput } from "./captured-output.ts";
import { endingOf } from "./command-ending.ts";

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
    ...endingOf(outcome, request.command),
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
