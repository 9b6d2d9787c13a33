import type { ClientHttp2Stream, IncomingHttpHeaders, IncomingHttpStatusHeader } from "node:http2";
import { PyroError } from "../model/errors.ts";
import { visibleText } from "../model/text.ts";

/** The largest document an agent may answer with. */
export const documentBytesMax = 1 << 20;
const depthMax = 32;

/** Reads a whole small answer; more than `documentBytesMax` is a broken protocol. */
export async function readText(
  stream: ClientHttp2Stream,
): Promise<{ status: number; text: string }> {
  const headers = waitForHeaders(stream);
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      chunks.push(chunk);
      size += chunk.length;
      if (size > documentBytesMax)
        throw new PyroError(
          "guest_protocol_error",
          `The guest agent answered with more than ${documentBytesMax} bytes.`,
        );
    }
  } catch (error) {
    headers.catch(() => undefined);
    throw channelLost(error);
  }
  return { status: await headers, text: Buffer.concat(chunks).toString("utf8") };
}

/** The status of the answer; rejects with `guest_lost` when the stream ends before it. */
export function waitForHeaders(stream: ClientHttp2Stream): Promise<number> {
  return new Promise((resolve, reject) => {
    stream.once("response", (headers: IncomingHttpHeaders & IncomingHttpStatusHeader) =>
      resolve(headers[":status"] ?? 0),
    );
    stream.once("error", (error) => reject(channelLost(error)));
    stream.once("close", () => reject(channelLost(undefined)));
  });
}

/** Any failure of the stream itself means that the guest is gone. */
export function channelLost(error: unknown): PyroError {
  if (error instanceof PyroError) return error;
  return new PyroError("guest_lost", "The guest stopped answering.", {
    hint: "The virtual machine may have crashed; run the command again.",
    cause: error,
  });
}

/** A JSON object from the guest: bounded depth, no prototype tricks. */
export function parseJson(text: string): Record<string, unknown> {
  if (nestingDepth(text) > depthMax)
    throw new PyroError(
      "guest_protocol_error",
      "The guest agent answered with JSON nested too deeply.",
    );
  let value: unknown;
  try {
    value = JSON.parse(text, (key, entry: unknown) => (key === "__proto__" ? undefined : entry));
  } catch (error) {
    throw new PyroError(
      "guest_protocol_error",
      "The guest agent answered with something other than JSON.",
      { cause: error },
    );
  }
  if (typeof value === "object" && value !== null && !Array.isArray(value))
    return value as Record<string, unknown>;
  throw new PyroError(
    "guest_protocol_error",
    "The guest agent answered with something other than a JSON object.",
  );
}

/** An upper bound of the nesting: brackets inside strings count too, which only makes it stricter. */
function nestingDepth(text: string): number {
  let depth = 0;
  let deepest = 0;
  for (const character of text) {
    if (character === "{" || character === "[") deepest = Math.max(deepest, ++depth);
    else if (character === "}" || character === "]") depth--;
  }
  return deepest;
}

/** The agent's refusal as an error of ours; its words are made harmless. */
export function agentFailure(status: number, text: string): PyroError {
  let said = "";
  try {
    const error = parseJson(text).error as { code?: unknown; message?: unknown } | undefined;
    said = `${String(error?.code ?? "")}: ${String(error?.message ?? "")}`;
  } catch {
    said = text;
  }
  return new PyroError(
    "guest_exec_failed",
    `The guest agent refused (${status}): ${visibleText(said, 500)}`,
  );
}
