import { runnableCommand, timeoutMs } from "../../model/machine-options.ts";
import type { WorkspaceExecResult } from "../../model/workspace-results.ts";
import { openWorkspace } from "../life/connect-workspace.ts";
import { guestRoot } from "../life/guest-root.ts";
import type { WorkspaceContext } from "../life/workspace-context.ts";
import type { ExecWorkspaceOptions } from "../life/workspace-options.ts";
import { CapturedStreams } from "../machines/captured-streams.ts";
import { endingOf, hintFor } from "../machines/command-ending.ts";
import { environmentEntries } from "../machines/environment-entries.ts";
import { deniedTo } from "../network/denied-connections.ts";
import { keepHeader } from "../supervisor/journaled-exec.ts";

/** Runs one command in a workspace; a command that fails is a result. The workspace lives on. */
export async function execWorkspace(
  context: WorkspaceContext,
  id: string,
  options: ExecWorkspaceOptions,
): Promise<WorkspaceExecResult> {
  const command = runnableCommand(options.command);
  const limit = timeoutMs(options.timeoutSeconds);
  const env = environmentEntries(options.env);
  const { secretEnv } = options;
  const { row, client } = await openWorkspace(context, id, "exec");
  const cwd = options.cwd ?? guestRoot(context, row);
  const output = new CapturedStreams(options);
  let sequence = 0;
  let journaled = true;
  const outcome = await client.exec(
    { command, env, secretEnv, cwd, timeoutMs: limit },
    {
      stdin: options.stdin,
      signal: options.signal,
      onHeaders: (headers) => {
        sequence = Number(headers["x-pyro-sequence"]);
        options.onSequence?.(sequence);
      },
      onUnjournaled: () => {
        journaled = false;
      },
      onStdout: output.onStdout,
      onStderr: output.onStderr,
    },
    options.outlivesCaller ? { [keepHeader]: "1" } : {},
  );
  const ending = endingOf(outcome, command);
  return {
    workspaceId: row.workspaceId,
    sequence,
    command: [...command],
    cwd,
    ...ending,
    hint: hintFor({ ...ending, lastWords: output.lastWords() }, row),
    backgroundProcessCount: outcome.kind === "not_started" ? 0 : outcome.backgroundProcessCount,
    ...output.finish(),
    deniedConnections: deniedTo(context, row, `command:${sequence}`),
    journaled,
    executionMode: row.executionMode,
  };
}
