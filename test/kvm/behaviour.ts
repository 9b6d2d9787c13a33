import type { Pair } from "./pairs.ts";
import type { Place } from "./place.ts";

/** One thing that the product does, whatever runs its guests. */
export interface Behaviour {
  /** A row of the table. */
  readonly name: string;
  /** On an idle machine with KVM; multiplied where guests are slow. Default 60. */
  readonly seconds?: number;
  /** Why a pair does not have it, or undefined where it does. */
  readonly missing?: (pair: Pair) => string | undefined;
  /** Throws unless it holds. */
  readonly hold: (place: Place) => Promise<void>;
}

/** What came of one behaviour with one pair. */
export interface Outcome {
  readonly key: string;
  readonly pair: string;
  readonly behaviour: string;
  readonly result: "passed" | "failed" | "skipped";
  readonly seconds: number;
  /** Why it failed or was skipped. */
  readonly reason?: string;
  /** What was measured. */
  readonly figures?: Record<string, number>;
}

/** What one run of a pair was made with; the first line that it reports. */
export interface Setting {
  readonly key: string;
  readonly pair: string;
  readonly date: string;
  readonly monitor: string;
  readonly hostKernel: string;
  readonly guestKernel: string;
  readonly cpu: string;
  readonly isNested: boolean;
}
