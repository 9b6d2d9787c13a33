import type { ExecOutcome } from "../../channel/exec.ts";
import type { GuestShell } from "../../channel/shell-client.ts";
import type { JsonObject } from "../../model/bounded-json.ts";
import type { Shell, ShellRead } from "../../model/shell-results.ts";
import { endingOf } from "../machines/command-ending.ts";
import type { ShellAnswer } from "../screens/read-shell.ts";

/** What the guest says about a shell, in a result's words. */
export function describeShell(shell: GuestShell): Omit<Shell, "workspaceId"> {
  const { ending } = shell;
  return {
    shellId: shell.id,
    ...describeEnding(ending),
    outOfMemory: ending !== undefined && ending.kind !== "not_started" && ending.outOfMemory,
    pid: shell.pid,
    cols: shell.cols,
    rows: shell.rows,
    // The guest's clock may say anything; how long ago it was can be held against ours.
    openedAt: new Date(Math.max(0, Date.now() - shell.ageMs)).toISOString(),
    idleMs: shell.idleMs,
    nextCursor: shell.nextPosition,
    attachedCount: shell.attachedCount,
    backgroundProcessCount:
      ending === undefined || ending.kind === "not_started" ? 0 : ending.backgroundProcessCount,
  };
}

type Ending = Pick<Shell, "state" | "exitCode" | "signal">;

export function describeEnding(ending: ExecOutcome | undefined): Ending {
  if (ending === undefined) return { state: "running", exitCode: null, signal: null };
  const { exitCode, signal } = endingOf(ending, []);
  return { state: "ended", exitCode, signal };
}

type Reading = Omit<ShellRead, "workspaceId" | "shellId" | "mode" | "cursor" | "deniedConnections">;

/** What a supervisor answered: a process of ours, of this version. */
export function readingOf(answer: JsonObject): Reading {
  const { shell, ...rest } = answer as unknown as ShellAnswer;
  return { ...describeEnding(shell.ending), ...rest };
}
