import type { ClientHttp2Stream } from "node:http2";
import { PyroError } from "../model/errors.ts";
import { agentFailure, documentBytesMax, type Meanings, parseJson, readText } from "./json.ts";

/** The JSON object of a successful answer; a refusal is thrown. */
export async function readAnswer(
  stream: ClientHttp2Stream,
  meanings?: Meanings,
): Promise<Record<string, unknown>> {
  const { status, text } = await readText(stream);
  if (status !== 200) throw agentFailure(status, text, meanings);
  return parseJson(text);
}

/** What is left of an answer that is a small document. */
export async function documentText(stream: ClientHttp2Stream): Promise<string> {
  let text = "";
  try {
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      text += chunk.toString("utf8");
      if (text.length > documentBytesMax) break;
    }
  } catch {
    // The status alone says that it failed.
  }
  return text;
}

export function numberField(answer: Record<string, unknown>, name: string): number {
  const value = answer[name];
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return value;
  throw unusable(name);
}

export function textField(answer: Record<string, unknown>, name: string): string {
  const value = answer[name];
  if (typeof value === "string" && value.length <= 1024) return value;
  throw unusable(name);
}

function unusable(name: string): PyroError {
  return new PyroError(
    "guest_protocol_error",
    `The guest agent answered without a usable "${name}".`,
  );
}
