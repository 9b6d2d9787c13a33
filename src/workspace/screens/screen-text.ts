import type { IBuffer, IBufferLine } from "@xterm/headless";

interface RowOptions {
  /** Columns. Default: all of them. */
  readonly from?: number | undefined;
  readonly to?: number | undefined;
  /** Whether some characters may be there so as not to be seen. */
  readonly hides: boolean;
  /** Whether blanks at the end are left out. Default false. */
  readonly isTrimmed?: boolean;
}

/** What one row shows. */
export function rowText(line: IBufferLine, options: RowOptions): string {
  const { from = 0, to = line.length, hides, isTrimmed = false } = options;
  // Most rows are mostly empty, and cells that were never written to are the terminal's to leave out.
  const text = hides ? shownCells(line, from, to) : line.translateToString(isTrimmed, from, to);
  return isTrimmed ? text.trimEnd() : text;
}

/** Without what is there so as not to be seen. */
function shownCells(line: IBufferLine, from: number, to: number): string {
  let text = "";
  for (let column = from; column < to; column++) {
    const cell = line.getCell(column);
    if (cell === undefined || cell.getWidth() === 0) continue;
    const shown = cell.isInvisible() ? "" : cell.getChars();
    text += shown === "" ? " ".repeat(cell.getWidth()) : shown;
  }
  return text;
}

/** Everything from a row on, down to the cursor or the last row that shows something; wrapped rows are one line. */
export function textBetween(
  buffer: IBuffer,
  { from, hides }: { readonly from: number; readonly hides: boolean },
): string {
  const cursorRow = buffer.baseY + buffer.cursorY;
  const last = lastRow(buffer, cursorRow);
  const lines: string[] = [];
  for (let row = from; row <= last; row++) {
    const line = buffer.getLine(row);
    if (line === undefined) break;
    const isWhole = row < last && buffer.getLine(row + 1)?.isWrapped === true;
    const cursor = row === cursorRow ? buffer.cursorX : 0;
    const text = shownText(line, { hides, isWhole, cursor });
    if (line.isWrapped && lines.length > 0) lines[lines.length - 1] += text;
    else lines.push(text);
  }
  return lines.join("\n");
}

/** The last row that shows something, or the cursor's. */
function lastRow(buffer: IBuffer, cursorRow: number): number {
  let row = buffer.length - 1;
  while (row > cursorRow && buffer.getLine(row)?.translateToString(true) === "") row--;
  return row;
}

/** Blanks at the end of a row are nobody's, except before the cursor and where the row goes on in the next. */
function shownText(
  line: IBufferLine,
  { hides, isWhole, cursor }: { hides: boolean; isWhole: boolean; cursor: number },
): string {
  if (isWhole) return rowText(line, { hides });
  const before = cursor === 0 ? "" : rowText(line, { to: cursor, hides });
  return before + rowText(line, { from: cursor, hides, isTrimmed: true });
}
