import type { Bench } from "./bench.ts";
import type { Figure } from "./figure.ts";
import type { Samples } from "./statistics.ts";

export interface Measured {
  readonly figures: readonly Figure[];
  /** Every measurement behind the figures, by name; for the JSON report. */
  readonly samples: Readonly<Record<string, Samples>>;
}

/** Figures that are measured together. */
export interface Section {
  /** For `--only`. */
  readonly name: string;
  /** What it measures: one line for `--help` and the progress. */
  readonly title: string;
  measure(bench: Bench): Promise<Measured>;
}

export interface SectionReport extends Measured {
  readonly section: string;
  readonly seconds: number;
  /** Why it could not be measured to its end. */
  readonly failure?: string;
}
