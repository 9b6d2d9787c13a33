import { asPyroError, type ErrorCode } from "../index.ts";

/** What `pyro` says to its caller's shell. `run` adds the guest command's own code. */
export const exitCode = {
  done: 0,
  failed: 1,
  usage: 2,
  timedOut: 124,
  runFailed: 125,
  interrupted: 130,
} as const;

const usageErrors: readonly ErrorCode[] = [
  "invalid_argument",
  "environment_not_found",
  "host_unknown",
];

/** The exit code of a failed command; `runs` for the commands whose code is otherwise the guest's. */
export function exitCodeOf(error: unknown, { runs }: { runs: boolean }): number {
  const { code } = asPyroError(error);
  if (code === "cancelled") return exitCode.interrupted;
  if (runs) return exitCode.runFailed;
  return usageErrors.includes(code) ? exitCode.usage : exitCode.failed;
}
