import type { ClientHttp2Stream, IncomingHttpHeaders, IncomingHttpStatusHeader } from "node:http2";
import { type JsonObject, parseJsonObject } from "../model/bounded-json.ts";
import { type ErrorCode, errorCodes, PyroError } from "../model/errors.ts";
import { visibleText } from "../model/text.ts";

/** The largest document an agent may answer with. */
const documentBytesMax = 1 << 20;

/** Reads a whole small answer; more than `documentBytesMax` is a broken protocol. */
export async function readText(
  stream: ClientHttp2Stream,
): Promise<{ status: number; text: string }> {
  const headers = waitForHeaders(stream);
  try {
    const text = await bodyText(stream);
    return { status: statusOf(await headers), text };
  } catch (error) {
    headers.catch(() => undefined);
    throw channelLost(error);
  }
}

/** What is left of a refusal; when it breaks off, the status alone says that it failed. */
export async function refusalText(stream: ClientHttp2Stream): Promise<string> {
  return await bodyText(stream).catch(() => "");
}

async function bodyText(stream: ClientHttp2Stream): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    size += chunk.length;
    if (size > documentBytesMax)
      throw new PyroError(
        "guest_protocol_error",
        `The guest agent answered with more than ${documentBytesMax} bytes.`,
      );
  }
  return Buffer.concat(chunks).toString("utf8");
}

export type AnswerHeaders = IncomingHttpHeaders & IncomingHttpStatusHeader;

/** The headers of the answer; rejects with `guest_lost` when the stream ends before them. */
export function waitForHeaders(stream: ClientHttp2Stream): Promise<AnswerHeaders> {
  return new Promise((resolve, reject) => {
    stream.once("response", resolve);
    stream.once("error", (error) => reject(channelLost(error)));
    stream.once("close", () => reject(channelLost(undefined)));
  });
}

export function statusOf(headers: AnswerHeaders): number {
  return headers[":status"] ?? 0;
}

/** Any failure of the stream itself means that the guest is gone. */
export function channelLost(error: unknown): PyroError {
  if (error instanceof PyroError) return error;
  return new PyroError("guest_lost", "The guest stopped answering.", {
    hint: "The virtual machine may have crashed; run the command again.",
    cause: error,
  });
}

/** A JSON object from the guest. */
export function parseJson(text: string): JsonObject {
  return parseJsonObject(
    Buffer.from(text),
    (how, cause) =>
      new PyroError("guest_protocol_error", `What the guest agent answered ${how}.`, { cause }),
  );
}

/** Status of an answer that is the supervisor's own, not the guest's: its errors are ours already. */
export const supervisorStatus = 599;

/** What an agent's codes mean to a caller; everything else is a request that failed. */
export type Meanings = Readonly<Record<string, ErrorCode>>;

const generalMeanings: Meanings = {
  no_space: "guest_no_space",
  unsupported: "not_supported",
  damaged: "disk_damaged",
};

/** A refusal as an error of ours; a guest's words are made harmless. */
export function agentFailure(
  status: number,
  text: string,
  meanings: Meanings = generalMeanings,
): PyroError {
  const { code, message, hint } = refusal(text);
  if (status === supervisorStatus && Object.hasOwn(errorCodes, code))
    return new PyroError(code as ErrorCode, message, { hint });
  // A code that every object has as a property means nothing.
  const meaning = [meanings, generalMeanings].find((known) => Object.hasOwn(known, code))?.[code];
  if (meaning !== undefined) return new PyroError(meaning, `${visibleText(message, 500)}.`);
  return new PyroError(
    "guest_exec_failed",
    `The guest agent refused (${status}): ${visibleText(`${code}: ${message}`, 500)}`,
  );
}

function refusal(text: string): { code: string; message: string; hint?: string } {
  try {
    const error = parseJson(text).error as Record<string, unknown> | undefined;
    const { hint } = error ?? {};
    return {
      code: String(error?.code ?? ""),
      message: String(error?.message ?? ""),
      ...(typeof hint === "string" && { hint }),
    };
  } catch {
    return { code: "", message: text };
  }
}
