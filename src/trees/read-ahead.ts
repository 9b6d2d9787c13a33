export interface ReadAheadOptions<Input, Output> {
  /** How many of the inputs are worked on at a time. */
  readonly concurrency: number;
  readonly work: (input: Input) => Promise<Output>;
  /** Lets go of a result that nobody will see, because the caller stopped or an earlier input failed. */
  readonly discard: (output: Output) => void;
}

/** The results for each of `inputs`, in their order; none is still under way when this ends. */
export async function* readAhead<Input, Output>(
  inputs: readonly Input[],
  { concurrency, work, discard }: ReadAheadOptions<Input, Output>,
): AsyncGenerator<Output> {
  const underWay: Promise<Output>[] = [];
  let next = 0;
  const start = () => {
    const input = inputs[next++];
    if (input === undefined) return;
    const promise = work(input);
    promise.catch(() => undefined);
    underWay.push(promise);
  };
  try {
    while (underWay.length < concurrency && next < inputs.length) start();
    for (;;) {
      const first = underWay.shift();
      if (first === undefined) return;
      const output = await first;
      start();
      yield output;
    }
  } finally {
    for (const result of await Promise.allSettled(underWay))
      if (result.status === "fulfilled") discard(result.value);
  }
}
