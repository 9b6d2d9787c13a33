import { closest, distance } from "fastest-levenshtein";

/** The name most like `given`, or undefined when none is close enough to be a slip of the fingers. */
export function nearest(given: string, names: readonly string[]): string | undefined {
  if (names.length === 0) return undefined;
  const guess = closest(given, names);
  return distance(given, guess) <= Math.max(2, Math.floor(given.length / 2)) ? guess : undefined;
}
