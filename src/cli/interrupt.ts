import { PyroError } from "../index.ts";

const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** Turns signals to this process into one abort; a second one ends the process at once. */
export interface Interrupt extends Disposable {
  readonly signal: AbortSignal;
  /** The exit code a shell expects of a process ended that way; undefined when nothing came. */
  readonly exitCode: number | undefined;
}

const numbers = { SIGINT: 2, SIGTERM: 15, SIGHUP: 1 } as const;

export function watchInterrupts(): Interrupt {
  const controller = new AbortController();
  let received: (typeof signals)[number] | undefined;
  const handler = (name: NodeJS.Signals) => {
    if (received !== undefined) process.exit(128 + numbers[received]);
    received = name as (typeof signals)[number];
    controller.abort(new PyroError("cancelled", `Interrupted by ${name}.`));
  };
  for (const name of signals) process.on(name, handler);
  return {
    signal: controller.signal,
    get exitCode() {
      return received === undefined ? undefined : 128 + numbers[received];
    },
    [Symbol.dispose]: () => {
      for (const name of signals) process.off(name, handler);
    },
  };
}
