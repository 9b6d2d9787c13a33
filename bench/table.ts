import { type Figure, isMet, round, type Target, type Unit } from "./figure.ts";
import type { SectionReport } from "./section.ts";

const headings = ["figure", "value", "target", "met", "how"];

/** The report for people: one table, a block a section. */
export function formatTable(reports: readonly SectionReport[]): string {
  return formatBlocks(
    headings,
    reports.map(({ figures }) => figures.map(formatRow)),
  );
}

/** Columns as wide as they must be, a rule above each block. */
export function formatBlocks(
  headings: readonly string[],
  blocks: readonly (readonly (readonly string[])[])[],
): string {
  const rows = [headings, ...blocks.flat()];
  const widths = headings.map((_, column) =>
    Math.max(...rows.map((row) => (row[column] ?? "").length)),
  );
  const line = (row: readonly string[]) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd();
  const rule = widths.map((width) => "-".repeat(width)).join("  ");
  return [line(headings), ...blocks.flatMap((block) => [rule, ...block.map(line)])].join("\n");
}

function formatRow(figure: Figure): string[] {
  const met = isMet(figure);
  return [
    figure.name,
    figure.value === undefined ? "-" : withUnit(figure.value, figure.unit),
    formatTarget(figure.target, figure.unit),
    met === undefined ? "" : met ? "yes" : "NO",
    figure.note,
  ];
}

function formatTarget(target: Target | undefined, unit: Unit): string {
  if (target === undefined) return "";
  const sign = target.direction === "at most" ? "≤" : "≥";
  const aim = target.aim === undefined ? "" : ` (aim ${target.aim})`;
  return `${sign} ${target.limit}${unit && ` ${unit}`}${aim}`;
}

export function withUnit(value: number, unit: Unit): string {
  return `${round(value)}${unit && ` ${unit}`}`;
}
