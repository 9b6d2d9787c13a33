const exitCodes = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;

/** Thrown by whatever was under way when a signal came. */
export class Interrupted extends Error {
  readonly exitCode: number;

  constructor(name: keyof typeof exitCodes) {
    super(`Interrupted by ${name}.`);
    this.exitCode = exitCodes[name];
  }
}

/** One abort for all the signals that ask the benchmark to end; cleaning up is left to whoever made things. */
export function abortOnSignals(): AbortSignal {
  const controller = new AbortController();
  for (const name of Object.keys(exitCodes) as (keyof typeof exitCodes)[])
    process.on(name, () => controller.abort(new Interrupted(name)));
  return controller.signal;
}
