/** One report of a running pull. */
export interface PullProgress {
  readonly phase: "resolve" | "download";
  readonly completedBytes: number;
  /** 0 until the image's size is known. */
  readonly totalBytes: number;
  /** What is going on, in a few words. */
  readonly detail: string;
}

export type OnProgress = (progress: PullProgress) => void;

const intervalMs = 100;

/** Adds up the blobs of one pull and reports about ten times a second. */
export class ProgressMeter {
  readonly #report: OnProgress;
  readonly #keptBytes = new Map<string, number>();
  readonly #retries = new Map<string, number>();
  #phase: PullProgress["phase"] = "resolve";
  #detail = "";
  #totalBytes = 0;
  #reportedAtMs = Number.NEGATIVE_INFINITY;

  constructor(report: OnProgress = () => {}) {
    this.#report = report;
  }

  /** Enters a phase; always reported. */
  enter(phase: PullProgress["phase"], detail: string, totalBytes = 0): void {
    this.#phase = phase;
    this.#totalBytes = totalBytes;
    this.say(detail);
  }

  /** Changes what is said to be going on; always reported. */
  say(detail: string): void {
    this.#detail = detail;
    this.#send();
  }

  setBytes(blob: string, keptBytes: number): void {
    this.#keptBytes.set(blob, keptBytes);
    if (performance.now() - this.#reportedAtMs >= intervalMs) this.#send();
  }

  setRetries(blob: string, retries: number): void {
    this.#retries.set(blob, retries);
    this.#send();
  }

  #send(): void {
    this.#reportedAtMs = performance.now();
    const retries = sum(this.#retries);
    this.#report({
      phase: this.#phase,
      completedBytes: sum(this.#keptBytes),
      totalBytes: this.#totalBytes,
      detail: retries === 0 ? this.#detail : `${this.#detail}, ${retries} retries`,
    });
  }
}

function sum(counts: ReadonlyMap<string, number>): number {
  return counts.values().reduce((total, count) => total + count, 0);
}
