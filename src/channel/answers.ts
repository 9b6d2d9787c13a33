import type { ClientHttp2Stream } from "node:http2";
import { PyroError } from "../model/errors.ts";
import { agentFailure, type Meanings, parseJson, readText } from "./json.ts";

/** The JSON object of a successful answer; a refusal is thrown. */
export async function readAnswer(
  stream: ClientHttp2Stream,
  meanings?: Meanings,
): Promise<Record<string, unknown>> {
  const { status, text } = await readText(stream);
  if (status !== 200) throw agentFailure(status, text, meanings);
  return parseJson(text);
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
