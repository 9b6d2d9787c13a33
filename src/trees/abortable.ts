/**
 * The same items, until `signal` aborts: then its reason is thrown at once, even while the source keeps one waiting.
 */
export async function* abortable<T>(
  source: AsyncIterable<T>,
  signal: AbortSignal | undefined,
): AsyncGenerator<T> {
  if (signal === undefined) {
    yield* source;
    return;
  }
  signal.throwIfAborted();
  const iterator = source[Symbol.asyncIterator]();
  // One rejection at a time: racing every item against one promise would keep something for each of them.
  let giveUp: (reason: unknown) => void = () => undefined;
  const abort = () => giveUp(signal.reason);
  signal.addEventListener("abort", abort, { once: true });
  const next = () =>
    new Promise<IteratorResult<T>>((resolve, reject) => {
      giveUp = reject;
      iterator.next().then(resolve, reject);
    });
  let ended = false;
  try {
    for (;;) {
      signal.throwIfAborted();
      const { value, done } = await next();
      ended = done === true;
      if (done === true) return;
      yield value;
    }
  } finally {
    signal.removeEventListener("abort", abort);
    // Not awaited: a source that waits for something that never comes does not end either.
    if (!ended) iterator.return?.().catch(() => undefined);
  }
}
