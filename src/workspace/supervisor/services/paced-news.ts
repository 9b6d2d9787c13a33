/** What handing on costs is at most a tenth of the time, whoever says how much. */
const restShare = 9;
const retryMs = 1_000;
/** More than there are; whoever makes names up is not listened to. */
const namesMax = 256;

/** Hands on the newest that is said under each name: at once after a while of silence, and later where it never ends. */
export class PacedNews<News> {
  readonly #hand: (news: News) => void;
  readonly #pending = new Map<string, News>();
  #timer: NodeJS.Timeout | undefined;
  #restsUntil = 0;

  /** What `hand` throws at is handed on again later, unless there is newer. */
  constructor(hand: (news: News) => void) {
    this.#hand = hand;
  }

  push(name: string, news: News): void {
    if (this.#pending.size >= namesMax && !this.#pending.has(name)) return;
    this.#pending.set(name, news);
    this.#schedule(this.#restsUntil - performance.now());
  }

  #schedule(delayMs: number): void {
    this.#timer ??= setTimeout(() => this.#handOn(), Math.max(0, delayMs));
    this.#timer.unref();
  }

  #handOn(): void {
    this.#timer = undefined;
    const due = [...this.#pending];
    this.#pending.clear();
    const began = performance.now();
    for (const [name, news] of due) {
      try {
        this.#hand(news);
      } catch {
        // A full disk takes it later.
        this.#pending.set(name, news);
      }
    }
    const ended = performance.now();
    this.#restsUntil = ended + (ended - began) * restShare;
    if (this.#pending.size > 0) this.#schedule(retryMs);
  }
}
