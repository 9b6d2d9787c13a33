/** Lets one piece of work at a time go, in the order they came. */
export class Turns {
  #last: Promise<void> = Promise.resolve();

  /** Waits until all earlier work is done; the turn ends when the answer is disposed of. */
  async take(): Promise<Disposable> {
    const before = this.#last;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#last = promise;
    await before;
    return { [Symbol.dispose]: resolve };
  }
}
