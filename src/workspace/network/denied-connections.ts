import type { DeniedConnection } from "../../model/network-results.ts";

/** Denied tries, those that are alike counted as one, in the order in which they were first made. */
export function sumDenied(tries: readonly DeniedConnection[]): DeniedConnection[] {
  const sums = new Map<string, DeniedConnection>();
  for (const { host, port, rule, count } of tries) {
    const key = JSON.stringify([host, port, rule]);
    sums.set(key, { host, port, rule, count: count + (sums.get(key)?.count ?? 0) });
  }
  return [...sums.values()];
}
