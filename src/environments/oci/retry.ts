import { setTimeout as sleep } from "node:timers/promises";
import { PyroError, type PyroErrorOptions } from "../../model/errors.ts";
import { transferPolicy } from "./limits.ts";

/** Waits that long, or rejects when the signal fires. */
export type Wait = (milliseconds: number, signal: AbortSignal | undefined) => Promise<void>;

export interface RetryOptions {
  readonly wait: Wait;
  readonly signal: AbortSignal | undefined;
  /** Bytes kept so far; tries that add to them do not count as failures. */
  readonly keptBytes?: () => number;
  /** Called before each further try. */
  readonly onRetry?: (retries: number) => void;
}

/** A failure that may pass when tried again. */
export class PassingFailure extends PyroError {
  /** How long the registry asked us to wait, if it did. */
  readonly retryAfterMs: number | undefined;

  constructor(message: string, options: PyroErrorOptions & { retryAfterMs?: number | undefined }) {
    super("registry_unreachable", message, options);
    this.retryAfterMs = options.retryAfterMs;
  }
}

export const waitForReal: Wait = async (milliseconds, signal) => {
  await sleep(milliseconds, undefined, signal ? { signal } : {});
};

/** Runs `operation` until it succeeds, fails for good, or failed too often in a row. */
export async function withRetries<T>(
  operation: () => Promise<T>,
  options: RetryOptions,
): Promise<T> {
  let failuresInARow = 0;
  for (let retries = 0; ; ) {
    const keptBefore = options.keptBytes?.() ?? 0;
    try {
      return await operation();
    } catch (error) {
      options.signal?.throwIfAborted();
      if (!(error instanceof PassingFailure)) throw error;
      const gained = (options.keptBytes?.() ?? 0) - keptBefore;
      failuresInARow = gained >= transferPolicy.progressBytes ? 1 : failuresInARow + 1;
      retries++;
      if (failuresInARow >= transferPolicy.attempts || retries >= transferPolicy.attemptsTotal)
        throw gaveUp(error, retries);
      options.onRetry?.(retries);
      await options.wait(delayMs(failuresInARow, error.retryAfterMs), options.signal);
    }
  }
}

/** The wait before the next try: doubling, shaken so that many clients do not return together. */
function delayMs(failures: number, retryAfterMs: number | undefined): number {
  if (retryAfterMs !== undefined) return Math.min(retryAfterMs, transferPolicy.retryAfterMsMax);
  const ceilingMs = Math.min(
    transferPolicy.backoffMs * 2 ** (failures - 1),
    transferPolicy.backoffMsMax,
  );
  return ceilingMs * (0.5 + Math.random() / 2);
}

function gaveUp(last: PassingFailure, tries: number): PyroError {
  const message = `${last.message.replace(/\.$/, "")}; gave up after ${tries} tries.`;
  return new PyroError(last.code, message, { hint: last.hint, cause: last });
}
