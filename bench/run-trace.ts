/** The phases of one `pyro run`, with when each was reached in milliseconds since Node started. */
export type RunTrace = ReadonlyMap<string, number>;

/** Reads the line that `PYRO_TRACE=1` prints on stderr. */
export function parseTrace(stderr: string): RunTrace {
  const line = /^trace: (.+)$/m.exec(stderr)?.[1];
  if (line === undefined) throw new Error(`pyro printed no trace: ${stderr.slice(-300)}`);
  return new Map(
    line.split(" ").map((entry) => {
      const [phase = "", at] = entry.split("=");
      return [phase, Number(at)] as const;
    }),
  );
}

/** Whether the machine was resumed from a template that was there already. */
export function wasRestored(trace: RunTrace): boolean {
  return trace.has("attached") && !trace.has("booted");
}

/** Milliseconds between two phases. */
export function between(trace: RunTrace, from: string, to: string): number {
  return reached(trace, to) - reached(trace, from);
}

export function reached(trace: RunTrace, phase: string): number {
  const at = trace.get(phase);
  if (at === undefined) throw new Error(`pyro's trace has no phase "${phase}".`);
  return at;
}
