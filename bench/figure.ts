import { type Samples, summarise } from "./statistics.ts";

export type Unit = "ms" | "MB/s" | "MiB" | "%" | "s" | "×" | "";

/** What a figure ought to be. */
export interface Target {
  readonly direction: "at most" | "at least";
  readonly limit: number;
  /** What is aimed for beyond the limit. */
  readonly aim?: number;
}

/** One line of the report. */
export interface Figure {
  readonly name: string;
  /** Absent when it could not be measured; `note` then says why. */
  readonly value: number | undefined;
  readonly unit: Unit;
  readonly note: string;
  readonly target?: Target | undefined;
}

export function atMost(limit: number, aim?: number): Target {
  return { direction: "at most", limit, ...(aim !== undefined && { aim }) };
}

export function atLeast(limit: number): Target {
  return { direction: "at least", limit };
}

/** Undefined when there is no target. A figure that could not be measured does not meet its target. */
export function isMet({ value, target }: Figure): boolean | undefined {
  if (target === undefined) return undefined;
  if (value === undefined) return false;
  return target.direction === "at most" ? value <= target.limit : value >= target.limit;
}

/** The median of repeated measurements, with their spread as the note. */
export function latency(name: string, samples: Samples, target?: Target): Figure {
  const { count, p50, p95, p99, max } = summarise(samples);
  const tail = count >= 100 ? `p99 ${round(p99)}` : `max ${round(max)}`;
  return {
    name,
    value: p50,
    unit: "ms",
    note: `p50; p95 ${round(p95)}, ${tail}, n ${count}`,
    target,
  };
}

export function notMeasured(name: string, why: string, target?: Target): Figure {
  return { name, value: undefined, unit: "", note: why, target };
}

/** Three digits that matter, never more than two decimals. */
export function round(value: number): string {
  const decimals = Math.abs(value) >= 100 || Number.isInteger(value) ? 0 : value >= 10 ? 1 : 2;
  return value.toFixed(decimals);
}
