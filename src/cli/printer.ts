import { asPyroError, type ResultName, visibleJson, visibleText, wireFormat } from "../index.ts";
import type { IO } from "./io.ts";

const codes = { red: 31, green: 32, yellow: 33, cyan: 36, dim: 2, bold: 1 } as const;

export type Color = keyof typeof codes;

/** Long enough for every message of ours, short enough for a screen. */
const errorLengthMax = 4000;

/** `text` in a colour, where colours are wanted. */
export function paint(io: IO, color: Color, text: string): string {
  return io.color ? `\u001b[${codes[color]}m${text}\u001b[0m` : text;
}

export function printLine(io: IO, line = ""): void {
  io.stdout.write(`${line}\n`);
}

/** What talks to people beside the data: hints, warnings, empty lists. */
export function printNote(io: IO, line: string): void {
  io.stderr.write(`${line}\n`);
}

/** One JSON object on stdout. */
export async function printResult(io: IO, name: ResultName, value: unknown): Promise<void> {
  printLine(io, visibleJson(await wireFormat(name, value)));
}

/** A failure: for people on stderr, for programs as JSON on stdout. */
export function printError(io: IO, error: unknown, { json }: { json: boolean }): void {
  const { code, message: said, hint } = asPyroError(error);
  const message = withOptionNames(said);
  if (json) {
    const error = { code, message, ...(hint !== undefined && { hint }) };
    printLine(io, visibleJson({ error }));
  } else explain(io, message, hint);
}

/** What the SDK calls an option, where it is not an option of the command line. */
const argumentNames: Readonly<Record<string, string>> = {
  guestPort: "The port of the guest",
  hostPort: "The port of this machine",
};

/** The SDK's `maxChars is 0, but must be …` is about `--max-chars` here. */
function withOptionNames(message: string): string {
  return message.replace(
    /^([a-z]+(?:[A-Z][a-z]+)*) is (?=\S+, but must be )/,
    (_, name: string) =>
      `${argumentNames[name] ?? `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`} is `,
  );
}

/** What went wrong, and what to do about it, for people. */
export function explain(io: IO, message: string, hint?: string): void {
  printNote(io, `error: ${safeMessage(message)}`);
  if (hint !== undefined) printNote(io, `hint: ${safeMessage(hint)}`);
}

/** Later lines are indented, so that text quoted in a message cannot pass for a message of its own. */
function safeMessage(text: string): string {
  return visibleText(text, errorLengthMax, "lines").replaceAll("\n", "\n  ");
}

/** Aligned columns; the last one takes what is left of the width. */
export function printTable(io: IO, rows: readonly (readonly string[])[]): void {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  );
  for (const row of rows) {
    const line = row
      .map((cell, column) => (column === row.length - 1 ? cell : cell.padEnd(widths[column] ?? 0)))
      .join("  ");
    printLine(
      io,
      io.stdoutIsTerminal && line.length > io.width ? `${line.slice(0, io.width - 1)}…` : line,
    );
  }
}

/** `1536` as `1.5 KiB`. */
export function formatBytes(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  const power = Math.min(units.length - 1, bytes < 1 ? 0 : Math.floor(Math.log2(bytes) / 10));
  const value = bytes / 1024 ** power;
  return `${power === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[power]}`;
}
