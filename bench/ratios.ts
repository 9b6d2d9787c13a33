import type { Unit } from "./figure.ts";
import { median } from "./statistics.ts";

/** What a comparison reads of a report in JSON; builds of any age write these. */
export interface FigureReport {
  readonly sections: readonly {
    readonly section: string;
    readonly figures: readonly {
      readonly name: string;
      readonly value?: number | undefined;
      readonly unit: Unit;
    }[];
  }[];
}

/** One figure of two builds. */
export interface Ratio {
  readonly section: string;
  readonly figure: string;
  readonly unit: Unit;
  /** Medians of the rounds; absent where that build does not measure it. */
  readonly base: number | undefined;
  readonly current: number | undefined;
  /** `current / base`; absent unless both were measured, and the base is not zero. */
  readonly ratio: number | undefined;
}

/** The ratio of every figure that either build measured, in the order of the reports: the current build's first. */
export function ratiosOf(base: readonly FigureReport[], current: readonly FigureReport[]): Ratio[] {
  const [before, now] = [valuesOf(base), valuesOf(current)];
  return [...new Map([...now, ...before]).entries()].map(([key, { section, figure, unit }]) => {
    const [old, fresh] = [medianOf(before.get(key)), medianOf(now.get(key))];
    const ratio = old === undefined || old === 0 || fresh === undefined ? undefined : fresh / old;
    return { section, figure, unit, base: old, current: fresh, ratio };
  });
}

interface Values {
  readonly section: string;
  readonly figure: string;
  readonly unit: Unit;
  readonly values: number[];
}

function valuesOf(reports: readonly FigureReport[]): Map<string, Values> {
  const found = new Map<string, Values>();
  for (const { section, figures } of reports.flatMap(({ sections }) => sections)) {
    for (const { name, value, unit } of figures) {
      const key = JSON.stringify([section, name.trim(), unit]);
      const known = found.get(key) ?? { section, figure: name.trim(), unit, values: [] };
      if (typeof value === "number") known.values.push(value);
      found.set(key, known);
    }
  }
  return found;
}

function medianOf(found: Values | undefined): number | undefined {
  return found === undefined || found.values.length === 0 ? undefined : median(found.values);
}
