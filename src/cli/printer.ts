import { asPyroError, type ResultName, wireFormat } from "../index.ts";
import type { IO } from "./io.ts";

const codes = { red: 31, green: 32, yellow: 33, dim: 2, bold: 1 } as const;

/** `text` in a colour, where colours are wanted. */
export function paint(io: IO, color: keyof typeof codes, text: string): string {
  return io.color ? `\u001b[${codes[color]}m${text}\u001b[0m` : text;
}

export function printLine(io: IO, line = ""): void {
  io.stdout.write(`${line}\n`);
}

/** One JSON object on stdout. */
export async function printResult(io: IO, name: ResultName, value: unknown): Promise<void> {
  printLine(io, JSON.stringify(await wireFormat(name, value)));
}

/** A failure: for people on stderr, for programs as JSON on stdout. */
export function printError(io: IO, error: unknown, { json }: { json: boolean }): void {
  const { code, message, hint } = asPyroError(error);
  if (json) {
    printLine(
      io,
      JSON.stringify({ error: { code, message, ...(hint !== undefined && { hint }) } }),
    );
    return;
  }
  io.stderr.write(`error: ${message}\n${hint === undefined ? "" : `hint: ${hint}\n`}`);
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
