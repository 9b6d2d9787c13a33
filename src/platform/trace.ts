/** Records when each phase of a run was reached, for `PYRO_TRACE` and the benchmark. */
export interface Trace {
  mark(phase: string): void;
  /** Milliseconds since the process started, by phase, in order. */
  readonly phases: readonly { readonly phase: string; readonly atMs: number }[];
}

/** A trace that starts empty. */
export function startTrace(): Trace {
  const phases: { phase: string; atMs: number }[] = [];
  return {
    phases,
    mark: (phase) => void phases.push({ phase, atMs: Math.round(performance.now() * 100) / 100 }),
  };
}
