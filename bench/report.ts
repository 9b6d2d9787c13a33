import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { isMet } from "./figure.ts";
import type { MachineDescription } from "./machine-description.ts";
import type { SectionReport } from "./section.ts";

const resultsDirectory = fileURLToPath(new URL("results", import.meta.url));

export interface Report {
  readonly startedAt: Date;
  readonly seconds: number;
  readonly quick: boolean;
  readonly machine: MachineDescription;
  /** Of the last minute, before and after; a busy host explains odd figures. */
  readonly loadAverage: { readonly before: number; readonly after: number };
  readonly sections: readonly SectionReport[];
}

/** Writes the report for programs and returns its path. */
export async function writeReport(report: Report): Promise<string> {
  const name = report.startedAt.toISOString().slice(0, 19).replaceAll(":", "-");
  const path = join(resultsDirectory, `${name}.json`);
  const sections = report.sections.map((section) => ({
    ...section,
    figures: section.figures.map((figure) => ({ ...figure, met: isMet(figure) })),
  }));
  await mkdir(resultsDirectory, { recursive: true });
  await writeFile(path, `${JSON.stringify({ ...report, sections }, tidyNumbers, 1)}\n`);
  return path;
}

/** Thousandths are noise. */
function tidyNumbers(_key: string, value: unknown): unknown {
  return typeof value === "number" ? Math.round(value * 1000) / 1000 : value;
}
