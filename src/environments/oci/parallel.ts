/**
 * Runs `work` for all items, `limit` at a time. The first failure aborts the rest and is thrown
 * once all of them have ended, so that nothing goes on behind the caller's back.
 */
export async function forEachInParallel<Item>(
  items: readonly Item[],
  options: { readonly limit: number; readonly signal: AbortSignal | undefined },
  work: (item: Item, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const failure = new AbortController();
  const signal = AbortSignal.any([failure.signal, ...(options.signal ? [options.signal] : [])]);
  const remaining = items.values();
  const errors: unknown[] = [];
  const worker = async () => {
    for (const item of remaining) {
      if (signal.aborted) return;
      try {
        await work(item, signal);
      } catch (error) {
        errors.push(error);
        failure.abort();
      }
    }
  };
  await Promise.all(Array.from({ length: options.limit }, worker));
  options.signal?.throwIfAborted();
  if (errors.length > 0) throw errors[0];
}
