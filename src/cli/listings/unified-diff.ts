import { visibleText } from "../../index.ts";
import type { IO } from "../io.ts";
import { type Color, paint } from "../printer.ts";

/**
 * A unified diff for a terminal: coloured, with every control character visible. Hunks are
 * followed by their counts, because a removed line may look like a file header.
 */
export function unifiedDiffLines(io: IO, diff: string): readonly string[] {
  const painter = new HunkPainter();
  return diff
    .replace(/\n$/, "")
    .split("\n")
    .map((line) => {
      const color = painter.colorOf(line);
      const shown = visibleText(line, Number.POSITIVE_INFINITY, "lines");
      return color === undefined ? shown : paint(io, color, shown);
    });
}

class HunkPainter {
  #oldLines = 0;
  #newLines = 0;

  colorOf(line: string): Color | undefined {
    if (this.#oldLines > 0 || this.#newLines > 0) return this.#inHunk(line);
    const hunk = /^@@ -\d+(?:,(\d+))? \+\d+(?:,(\d+))? @@/.exec(line);
    if (hunk === null) return line.startsWith("\\") ? "dim" : "bold";
    this.#oldLines = Number(hunk[1] ?? 1);
    this.#newLines = Number(hunk[2] ?? 1);
    return "cyan";
  }

  #inHunk(line: string): Color | undefined {
    if (line.startsWith("\\")) return "dim";
    if (!line.startsWith("+")) this.#oldLines--;
    if (!line.startsWith("-")) this.#newLines--;
    if (line.startsWith("+")) return "green";
    return line.startsWith("-") ? "red" : undefined;
  }
}
