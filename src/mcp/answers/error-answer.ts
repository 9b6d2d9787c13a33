import type { CallToolResult } from "@modelcontextprotocol/server";
import { asPyroError, type PyroError } from "../../model/errors.ts";
import { visibleText } from "../../model/text.ts";
import { nextSteps } from "./next-steps.ts";

const errorCharactersMax = 800;
const nextCharactersMax = 300;

/** What failed, as far as its text depends on it. */
export interface FailedCall {
  readonly tool: string;
  readonly argumentNames: readonly string[];
}

/** A failure as a model reads it: `code: what. Why. Next: …`, and nothing beside the text. */
export function errorAnswer(error: unknown, call: FailedCall): CallToolResult {
  return { isError: true, content: [{ type: "text", text: errorText(asPyroError(error), call) }] };
}

export function errorText(
  { code, message: said, hint }: PyroError,
  { tool, argumentNames }: FailedCall,
): string {
  const message = withNamesOf(argumentNames, said);
  const next =
    nextSteps[code] ??
    (hint !== undefined && isForTools(hint) ? hint : undefined) ??
    (code === "invalid_argument" ? `Correct it and call ${tool} again.` : "");
  const ending = next === "" ? "" : ` Next: ${visibleText(next, nextCharactersMax)}`;
  const room = errorCharactersMax - code.length - 2 - ending.length - 1;
  return `${code}: ${visibleText(sentence(message), room)}${ending}`;
}

/** The SDK names its options in camel case: `memMib` is the tool's `mem_mib`. What stands in quotes was sent so. */
function withNamesOf(names: readonly string[], message: string): string {
  return names.reduce((text, name) => {
    const option = name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
    return option === name ? text : text.replaceAll(new RegExp(`(?<!")\\b${option}\\b`, "g"), name);
  }, message);
}

/** Hints of the SDK are for people: those that name its command line are of no use here. */
function isForTools(hint: string): boolean {
  return !/\bpyro\b|--\w|\b[a-z]+[A-Z]/.test(hint);
}

function sentence(text: string): string {
  const trimmed = text.trim();
  return /[.!?…]$/.test(trimmed) ? trimmed : `${trimmed}.`;
}
