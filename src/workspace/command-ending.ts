import { constants } from "node:os";
import type { ExecOutcome } from "../channel/exec.ts";
import type { RunResult } from "../model/results.ts";

/** Conventions of shells and `timeout`. */
const exitCodes = { timedOut: 124, notExecutable: 126, notFound: 127, signalBase: 128 } as const;

export type CommandEnding = Pick<
  RunResult,
  "exitCode" | "signal" | "timedOut" | "outOfMemory" | "notStarted" | "durationMs"
>;

/** How a command ended, as a shell would say it. */
export function endingOf(outcome: ExecOutcome, command: readonly string[]): CommandEnding {
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
