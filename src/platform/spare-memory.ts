/** What a look is worth at least: a collection of all garbage takes tens of milliseconds. */
const spareBytesMin = 4 << 20;
/** Of the processor's time between two looks, in which nobody has to wait for a collection. */
const idleShareMax = 0.02;

/**
 * Memory that was needed for work which is over. V8 keeps its garbage and the room of it until more is asked for, which in a process
 * that mostly waits may be never. Needs `--expose-gc`.
 */
export class SpareMemory {
  #keptBytes = 0;
  #processor = process.cpuUsage();
  #lookedAt = performance.now();

  /** Gives it back where there is enough of it and nothing has been going on since the last look. */
  look(): void {
    if (!this.#wasIdle() || process.memoryUsage.rss() < this.#keptBytes + spareBytesMin) return;
    globalThis.gc?.({ type: "major", flavor: "last-resort" });
    this.#keptBytes = process.memoryUsage.rss();
  }

  #wasIdle(): boolean {
    const { user, system } = process.cpuUsage(this.#processor);
    const passedMs = performance.now() - this.#lookedAt;
    this.#processor = process.cpuUsage();
    this.#lookedAt = performance.now();
    return (user + system) / 1000 < passedMs * idleShareMax;
  }
}
