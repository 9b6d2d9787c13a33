/** Records when each phase of a run was reached, for `PYRO_TRACE` and the benchmark. */
export interface Trace {
  mark(phase: string): void;
  /** Milliseconds since the command line began, by phase, in order. */
  readonly phases: readonly { readonly phase: string; readonly atMs: number }[];
}

let beganAtMs = 0;

/** Says that a command line begins now, in a process that was there before. */
export function startTimeAnew(): void {
  beganAtMs = performance.now();
}

/** Milliseconds since the command line began, which is when its process started unless that waited for it. */
export function elapsedMs(): number {
  return performance.now() - beganAtMs;
}

/** A trace that starts empty. */
export function startTrace(): Trace {
  const phases: { phase: string; atMs: number }[] = [];
  return {
    phases,
    mark: (phase) => void phases.push({ phase, atMs: Math.round(elapsedMs() * 100) / 100 }),
  };
}
