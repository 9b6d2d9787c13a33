import { randomBytes } from "node:crypto";
import type { NetworkWish } from "./network-wish.ts";
import type { Excerpt } from "./output-collector.ts";
import { countLines, takeHead, takeTail } from "./shown-text.ts";

/** What a call shows of a text unless it says otherwise; clients cut at about 10,000 characters. */
export const outputCharactersDefault = 8_000;
export const outputCharactersMax = 40_000;
export const outputCharactersMin = 200;

/** Share of the room that the beginning gets; errors come last. */
const headShare = 0.4;

/** Text of a guest under a line of ours. */
export interface BulkAnswer {
  readonly text: string;
  /** The same facts for programs. */
  readonly facts: Readonly<Record<string, unknown>>;
  /** What a person may be asked about. */
  readonly wish?: NetworkWish | undefined;
}

export interface Bulk {
  /** Says what the text is; `lines` stands for how many of its lines are shown. */
  readonly header: (lines: string) => string;
  readonly excerpt: Excerpt;
  readonly charactersMax?: number | undefined;
  /** The call that reads on from a byte of the text. */
  readonly restOf: (offset: number) => string;
  /** Said after the text. */
  readonly footer?: string | undefined;
  readonly facts: Readonly<Record<string, unknown>>;
  readonly wish?: NetworkWish | undefined;
}

/** A text in the middle of which something may be missing, with how to read that. */
export function bulkAnswer(bulk: Bulk): BulkAnswer {
  const { excerpt, footer, facts, wish } = bulk;
  const { lines, body } = fit(bulk, bulk.charactersMax ?? outputCharactersDefault);
  const parts = [bulk.header(`${count(excerpt.lineCount, "line")}${lines}`), ...body];
  if (footer !== undefined) parts.push(footer);
  return { text: parts.join("\n"), facts, wish };
}

function fit({ excerpt, restOf }: Bulk, charactersMax: number): { lines: string; body: string[] } {
  const { kind, head, tail, gapBytes, byteCount, lineCount } = excerpt;
  if (byteCount === 0) return { lines: "", body: [] };
  const mark = newMark();
  if (gapBytes === 0) {
    const all = takeHead(head, charactersMax, kind);
    if (all.byteCount === byteCount) return { lines: "", body: [fenced(all.text, mark)] };
  }
  const first = takeHead(head, Math.floor(charactersMax * headShare), kind);
  const endBytes = gapBytes === 0 ? head.subarray(first.byteCount) : tail;
  const last = takeTail(endBytes, charactersMax - first.text.length, kind);
  const between = byteCount - first.byteCount - last.byteCount;
  const headLines = countLines(head.subarray(0, first.byteCount));
  const tailLines = countLines(endBytes.subarray(endBytes.length - last.byteCount));
  const missing = Math.max(0, lineCount - headLines - tailLines);
  return {
    lines: ` (showing ${headLines}+${tailLines})`,
    body: [
      fenced(first.text, mark),
      `[left out: ${count(missing, "line")}, ${count(between, "byte")}; ${restOf(first.byteCount)}]`,
      fenced(last.text, mark),
    ],
  };
}

/** Marks that whoever wrote the text could not know. */
export function newMark(): string {
  return randomBytes(4).toString("hex");
}

/** Text of a guest between two lines that it cannot forge. */
export function fenced(text: string, mark = newMark()): string {
  return `<untrusted ${mark}>\n${text.endsWith("\n") || text === "" ? text : `${text}\n`}</untrusted ${mark}>`;
}

/** A call as a model writes it. */
export function callText(tool: string, input: Readonly<Record<string, unknown>>): string {
  return `${tool} ${JSON.stringify(input)}`;
}

export function count(number: number, noun: string): string {
  return `${number.toLocaleString("en")} ${noun}${number === 1 ? "" : "s"}`;
}

/** `3.2 s`, `480 ms`. */
export function durationText(ms: number): string {
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}
