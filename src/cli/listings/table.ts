import type { IO } from "../io.ts";
import { type Color, paint } from "../printer.ts";
import { fitWidth, padWidth, textWidth } from "./text-width.ts";

export interface Cell {
  readonly text: string;
  readonly color?: Color | undefined;
}

export interface Column<Row> {
  readonly title: string;
  /** Columns of a low rank get room on a terminal first; rank 0 is always there. */
  readonly rank: number;
  cell(row: Row): Cell | string;
}

const gap = "  ";
/** What stands in a cell without a value; a column of nothing else is not shown on a terminal. */
export const emptyCell = "-";

interface Rendered {
  readonly rank: number;
  readonly cells: readonly Cell[];
  readonly width: number;
}

/** Lines of aligned columns. On a terminal they fit its width; elsewhere nothing is left out. */
export function tableLines<Row>(
  io: IO,
  columns: readonly Column<Row>[],
  rows: readonly Row[],
): readonly string[] {
  const rendered = columns.map((column) => render(column, rows));
  const shown = io.stdoutIsTerminal ? fitColumns(rendered, io.width) : rendered;
  return [undefined, ...rows].map((_, line) => tableLine(io, shown, line));
}

function render<Row>(column: Column<Row>, rows: readonly Row[]): Rendered {
  const cells: Cell[] = [{ text: column.title, color: "bold" }];
  for (const row of rows) {
    const cell = column.cell(row);
    cells.push(typeof cell === "string" ? { text: cell } : cell);
  }
  const width = Math.max(...cells.map(({ text }) => textWidth(text)));
  return { rank: column.rank, cells, width };
}

/** As many columns as the width has room for, those of low rank first; they keep their order. */
function fitColumns(columns: readonly Rendered[], width: number): readonly Rendered[] {
  const useful = columns.filter(
    ({ rank, cells }) => rank === 0 || cells.slice(1).some(({ text }) => text !== emptyCell),
  );
  const kept = new Set<Rendered>();
  for (const column of useful.toSorted((left, right) => left.rank - right.rank))
    if (column.rank === 0 || totalWidth([...kept, column]) <= width) kept.add(column);
  return useful.filter((column) => kept.has(column));
}

function totalWidth(columns: readonly Rendered[]): number {
  return columns.reduce((sum, { width }) => sum + width + gap.length, -gap.length);
}

function tableLine(io: IO, columns: readonly Rendered[], line: number): string {
  let left = io.stdoutIsTerminal ? io.width : Number.POSITIVE_INFINITY;
  const parts = columns.map(({ cells, width }) => {
    const { text, color } = cells[line] ?? { text: "" };
    const shown = fitWidth(text, Math.max(0, left));
    left -= width + gap.length;
    const padding = padWidth(shown, width).slice(shown.length);
    return (color === undefined ? shown : paint(io, color, shown)) + padding;
  });
  return parts.join(gap).trimEnd();
}
