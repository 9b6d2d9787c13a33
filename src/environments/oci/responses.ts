import { PyroError } from "../../model/errors.ts";
import type { GuardedResponse } from "./guarded-transport.ts";
import { imageLimits, transferPolicy } from "./limits.ts";
import { networkFailure, stalled } from "./network-failure.ts";
import { quoteForeign } from "./quote.ts";
import { PassingFailure } from "./retry.ts";

export interface DocumentOptions {
  readonly bytesMax: number;
  /** Names the document in errors. */
  readonly what: string;
}

/** Closes a response that nobody will read, with its connection: its body may have no end. */
export function discard(response: GuardedResponse): void {
  response.body.destroy();
}

/** The whole body, which must be small and come soon. */
export async function readDocument(
  response: GuardedResponse,
  options: DocumentOptions,
): Promise<Buffer> {
  const announced = Number(response.headers["content-length"] ?? 0);
  if (announced > options.bytesMax) throw tooLong(response, options, `${announced}`);
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  const timeoutMs = transferPolicy.documentTimeoutMs;
  const timer = setTimeout(
    () => response.body.destroy(stalled(response.url, timeoutMs)),
    timeoutMs,
  );
  try {
    for await (const chunk of response.body as AsyncIterable<Buffer>) {
      sizeBytes += chunk.length;
      if (sizeBytes > options.bytesMax) throw tooLong(response, options, `over ${sizeBytes}`);
      chunks.push(chunk);
    }
  } catch (error) {
    throw networkFailure(error, response.url);
  } finally {
    clearTimeout(timer);
    response.body.destroy();
  }
  return Buffer.concat(chunks);
}

/** The error of an unwanted status, with what the body says. */
export async function failedResponse(response: GuardedResponse, who: string): Promise<PyroError> {
  const { status } = response;
  const message = `${who} answered ${status}${await bodyExcerpt(response)}.`;
  const hint = "Check the registry's name, or try again later.";
  if (status === 429 || status >= 500)
    return new PassingFailure(message, { hint, retryAfterMs: retryAfterMs(response) });
  return new PyroError("registry_lied", message, { hint });
}

/** `: "…"` with the beginning of an error body, or nothing. */
export async function bodyExcerpt(response: GuardedResponse): Promise<string> {
  const parts: Buffer[] = [];
  let sizeBytes = 0;
  const timer = setTimeout(() => response.body.destroy(), 1000);
  try {
    for await (const chunk of response.body as AsyncIterable<Buffer>) {
      parts.push(chunk);
      sizeBytes += chunk.length;
      if (sizeBytes >= imageLimits.errorBodyBytes) break;
    }
  } catch {
    // A broken error body takes nothing from the status that was already told.
  } finally {
    clearTimeout(timer);
    response.body.destroy();
  }
  const text = Buffer.concat(parts).toString("utf8").trim();
  return text === "" ? "" : `: ${quoteForeign(text)}`;
}

function retryAfterMs(response: GuardedResponse): number | undefined {
  const value = response.headers["retry-after"];
  if (value === undefined) return undefined;
  const seconds = /^\d{1,9}$/.test(value) ? Number(value) : Number.NaN;
  const waitMs = Number.isNaN(seconds) ? Date.parse(value) - Date.now() : seconds * 1000;
  return Number.isNaN(waitMs) ? undefined : Math.max(0, waitMs);
}

function tooLong(response: GuardedResponse, options: DocumentOptions, size: string): PyroError {
  discard(response);
  return new PyroError(
    "image_limit_exceeded",
    `The ${options.what} has ${size} bytes; pyro accepts ${options.bytesMax}.`,
    { hint: "Use another image or registry; no proper image needs this much." },
  );
}
