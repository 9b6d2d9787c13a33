import type { Pyro } from "../sdk.ts";

/** An agent thinks longer than this between two calls that do not belong together. */
const quietMs = 250;

/** Has one machine wait like the last one that calls asked for, from the first call to the server's end. */
export class StandbyKeeper implements Disposable {
  readonly #name = `mcp-${process.pid}`;
  readonly #pyro: () => Promise<Pyro>;
  #kept: Pyro | undefined;
  #callCount = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(pyro: () => Promise<Pyro>) {
    this.#pyro = pyro;
  }

  /** For as long as a call takes: nothing is made ready meanwhile. */
  duringCall(): Disposable {
    clearTimeout(this.#timer);
    this.#callCount++;
    return {
      [Symbol.dispose]: () => {
        this.#callCount--;
        if (this.#callCount > 0) return;
        this.#timer = setTimeout(() => void this.#refill(), quietMs);
        this.#timer.unref();
      },
    };
  }

  async #refill(): Promise<void> {
    this.#kept = await this.#pyro();
    this.#kept.refillStandbys(this.#name);
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    this.#kept?.dismissStandbys(this.#name);
  }
}
