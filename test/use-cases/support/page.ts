import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type ProfileName, profileNames } from "../../../src/mcp/profiles.ts";
import { type ShownCommand, stepsOf } from "../../docs/support/page-blocks.ts";
import { repository } from "../../support/home.ts";

const directory = join(repository, "docs", "use-cases");

/** One call as a page shows it, with what it says comes back. */
export interface PageCall {
  readonly tool: string;
  readonly input: Readonly<Record<string, unknown>>;
  /** Undefined when the page shows no answer. `…` stands for anything. */
  readonly answer: string | undefined;
  /** What is done on the host after it, at the ports that it publishes. */
  readonly onHost: readonly ShownCommand[];
  /** Of its first line in the page, counted from 1. */
  readonly line: number;
}

export interface Page {
  readonly name: string;
  readonly profile: ProfileName;
  readonly calls: readonly PageCall[];
}

/** Names of the recipes there are. */
export function pageNames(): readonly string[] {
  return readdirSync(directory)
    .filter((file) => file.endsWith(".md"))
    .map((file) => file.slice(0, -".md".length))
    .sort();
}

/**
 * A recipe's calls, in order. Blocks marked `tool` hold a call: its name and its arguments as JSON,
 * then arguments of several lines, each under a line `NAME:`. Blocks marked `answer` and `console` belong to the call before.
 */
export function readPage(name: string): Page {
  const text = readFileSync(join(directory, `${name}.md`), "utf8");
  const profile = profileNames.find((one) => text.includes(`--profile ${one}`));
  if (profile === undefined) throw new TypeError(`${name} names no profile`);
  return { name, profile, calls: callsOf(text, name) };
}

/** The calls of a page's text; a recipe's page, or any other that shows some. */
export function callsOf(text: string, name: string): readonly PageCall[] {
  const calls: PageCall[] = [];
  for (const match of text.matchAll(/^```(tool|answer|console)\n(.*?)^```$/gms)) {
    const [block, kind, body = ""] = match;
    const line = text.slice(0, match.index).split("\n").length;
    if (kind === "tool") {
      calls.push({ ...callOf(body), answer: undefined, onHost: [], line });
      continue;
    }
    const before = calls.pop();
    if (before !== undefined)
      calls.push({
        ...before,
        ...(kind === "answer" ? { answer: body.trimEnd() } : { onHost: commandsOf(block, name) }),
      });
    else if (kind === "answer") throw new TypeError(`${name}:${line}: an answer to no call`);
  }
  return calls;
}

function commandsOf(block: string, name: string): readonly ShownCommand[] {
  return stepsOf(`${block}\n`, name).filter((step) => step.kind === "command");
}

function callOf(body: string): Pick<PageCall, "tool" | "input"> {
  const [first = "", ...rest] = body.split("\n");
  const [, tool, json] = /^(\w+) (\{.*\})$/.exec(first) ?? [];
  if (tool === undefined || json === undefined) throw new TypeError(`no call: ${first}`);
  const input: Record<string, unknown> = JSON.parse(json);
  const [head = "", ...lines] = rest;
  if (head !== "") input[head.replace(/:$/, "")] = lines.join("\n");
  return { tool, input };
}

/** Why an answer is not as a page shows it; undefined when it is. */
export function mismatch(
  shown: string,
  got: { text: string; record: unknown },
): string | undefined {
  if (got.record !== undefined) return recordMismatch(JSON.parse(shown), got.record, "");
  const pattern = shown
    .split("\n")
    .map((line) => (line === "…" ? "(?:.*\n)*?" : `.*?${patternOf(line)}.*\n`))
    .join("");
  return new RegExp(pattern).test(`${got.text}\n`) ? undefined : `not as shown:\n${got.text}`;
}

function recordMismatch(shown: unknown, got: unknown, path: string): string | undefined {
  const wrong = `${path || "the answer"} is ${String(JSON.stringify(got)).slice(0, 600)}, not ${JSON.stringify(shown)}`;
  if (typeof shown === "string")
    return new RegExp(`^${patternOf(shown)}$`, "s").test(String(got)) ? undefined : wrong;
  if (typeof shown !== "object" || shown === null) return shown === got ? undefined : wrong;
  if (typeof got !== "object" || got === null) return wrong;
  if (Array.isArray(shown) && (got as unknown[]).length !== shown.length) return wrong;
  for (const [name, field] of Object.entries(shown)) {
    const found = recordMismatch(field, (got as Record<string, unknown>)[name], `${path}.${name}`);
    if (found !== undefined) return found;
  }
  return undefined;
}

function patternOf(text: string): string {
  return text
    .split("…")
    .map((part) => part.replace(/[^\w\s]/g, "\\$&"))
    .join(".*?");
}
