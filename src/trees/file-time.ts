/**
 * A time as Node's `utimes` family takes it: seconds as a floating-point number, which keeps about 0.2 µs today. A negative number would
 * mean "now" there, so that times before 1970 go as a Date, which keeps 1 ms.
 */
export function fileTime(mtimeNs: bigint): number | Date {
  if (mtimeNs < 0n) return new Date(Number(mtimeNs / 1_000_000n));
  return Number(mtimeNs / 1_000_000_000n) + Number(mtimeNs % 1_000_000_000n) / 1e9;
}
