/** The same values; stopping early does not end `source`, which somebody else reads on. */
export async function* keepOpen<T>(source: AsyncIterator<T>): AsyncGenerator<T> {
  for (;;) {
    const { value, done } = await source.next();
    if (done === true) return;
    yield value;
  }
}
