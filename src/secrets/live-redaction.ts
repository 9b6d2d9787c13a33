import { Redaction, type SecretValues } from "./redaction.ts";

/** So little may wait only this long: a prompt's last letter is seldom the first of a value, and betrays next to nothing of one. */
const littleBytesMax = 3;
const littleWaitMs = 30;
/** What could be more than that waits for whoever writes a value bit by bit. */
const waitMs = 2_000;

/** Takes values out of output that somebody watches: what waits for more is shown when nothing more comes. */
export class LiveRedaction implements Disposable {
  readonly #redaction: Redaction;
  readonly #show: (bytes: Buffer) => void;
  #timer: NodeJS.Timeout | undefined;

  /** `show` receives what was held back too long; everything else is the answer of `push` and `end`. */
  constructor(current: () => SecretValues, show: (bytes: Buffer) => void) {
    this.#redaction = new Redaction(current);
    this.#show = show;
  }

  get heldBytes(): number {
    return this.#redaction.heldBytes;
  }

  /** What of `chunk`, and of what was held back before it, can be shown. */
  push(chunk: Buffer): Buffer {
    clearTimeout(this.#timer);
    const shown = this.#redaction.push(chunk);
    const { heldBytes } = this.#redaction;
    if (heldBytes > 0) {
      const ms = heldBytes <= littleBytesMax ? littleWaitMs : waitMs;
      this.#timer = setTimeout(() => this.#show(this.#redaction.release()), ms).unref();
    }
    return shown;
  }

  /** What is held back, now that nothing follows. */
  end(): Buffer {
    clearTimeout(this.#timer);
    return this.#redaction.release();
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
  }
}
