import { PyroError, systemErrorCode } from "../../model/errors.ts";

/** Whether what went wrong with one workspace is the host's doing, no mistake of ours, and may go better next time: the others go on. */
export function isMisfortune(error: unknown): boolean {
  if (error instanceof PyroError) return error.code !== "internal";
  return /^E(?!RR_)/.test(systemErrorCode(error) ?? "");
}
