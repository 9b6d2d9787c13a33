import { visibleText } from "../../model/text.ts";
import type { RunResult, WorkspaceExecResult } from "../../sdk.ts";
import { durationText } from "../answers/bulk-answer.ts";

type Ending = Pick<
  RunResult | WorkspaceExecResult,
  "signal" | "timedOut" | "outOfMemory" | "notStarted"
> & {
  /** Absent where nobody knows. */
  readonly executionMode?: RunResult["executionMode"];
  readonly hint?: RunResult["hint"];
  readonly exitCode: number | null;
  /** Absent where nobody knows, or nothing outlives the command. */
  readonly backgroundProcessCount?: number;
};

/** `exit 0`, `exit 124 (timed out)` … */
export function endingText(ending: Ending): string {
  const notes: string[] = [];
  if (ending.notStarted !== null)
    notes.push(`never started: ${JSON.stringify(visibleText(ending.notStarted))}`);
  if (ending.timedOut) notes.push("timed out, killed");
  else if (ending.outOfMemory) notes.push("out of memory: use more mem_mib");
  else if (ending.hint) notes.push(ending.hint.replace(/\.$/, ""));
  else if (ending.signal !== null) notes.push(`SIG${ending.signal}`);
  const { backgroundProcessCount: left = 0 } = ending;
  if (left > 0) notes.push(left === 1 ? "1 process runs on" : `${left} processes run on`);
  return `exit ${ending.exitCode}${notes.length === 0 ? "" : ` (${notes.join(", ")})`}`;
}

/** `exit 0 · 3.2 s`. */
export function endedText(ending: Ending & { readonly durationMs: number | null }): string {
  const took = ending.durationMs === null ? "" : ` · ${durationText(ending.durationMs)}`;
  return `${endingText(ending)}${took}`;
}
