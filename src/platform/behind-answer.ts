let held: (() => void)[] | undefined;

/** Does at once what nobody waits for, or, where somebody waits for this process's answer, as soon as he has that. */
export function behindAnswer(work: () => void): void {
  if (held === undefined) work();
  else held.push(work);
}

/** While `answer` is made, what nobody waits for is held back, until `doHeldBack`. */
export function holdingBack<T>(answer: () => Promise<T>): Promise<T> {
  held = [];
  return answer();
}

export function doHeldBack(): void {
  const works = held ?? [];
  held = undefined;
  for (const work of works) work();
}
